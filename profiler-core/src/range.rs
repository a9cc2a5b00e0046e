//! A range: one execution of a site, from its begin to its drop.
//!
//! The attributes expand to [`run`]. It reads the gate once; off, it calls the body without any
//! guard around it, because a guard's drop flag and unwind edges cost more than the gate itself.
//! On, the fast path is two clock reads and two 16-byte stores; all other work of a range
//! (selection, steps, stacks, a slow clock, an attached tool) is out of line.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;

use crate::call::{Call, describe_open};
use crate::hooks::{correlation, cpu_time, stack, steps, tool};
use crate::kind::Kind;
use crate::ledger;
use crate::open::OpenList;
use crate::site::{self, Site};
use crate::stream::buffer;
use crate::stream::entry::{Entry, Tag};
use crate::stream::key::Key;
use crate::stream::losses::Loss;
use crate::{clock, gate, select};

/// Runs `body` as a range of `site`. Cost: see the crate's documentation.
#[inline(always)]
pub fn run<R>(site: &'static Site, body: impl FnOnce() -> R) -> R {
    let gate = gate::load();
    if gate == 0 { body() } else { run_recorded(site, gate, body) }
}

/// Runs `body` while the gate is not 0; out of line, so that the off path needs no registers saved.
#[inline(never)]
fn run_recorded<R>(site: &'static Site, gate: u32, body: impl FnOnce() -> R) -> R {
    if gate & gate::SLOW != 0 {
        return run_full(site, gate, body);
    }
    // Read after the gate: read together with it, the two cost two instructions more.
    let number = site.fast_number();
    if !site::is_fast(number) || !begin_plain(number) {
        return run_full(site, gate, body);
    }
    let _end = PlainEnd(number);
    body()
}

/// Begins a range; returns false where its entry finds no room. The code that makes room is out of
/// line, with the body, so that the fast path keeps nothing of it in registers.
#[inline(always)]
fn begin_plain(number: u32) -> bool {
    buffer::append_if_room(|| Entry::new(Tag::Begin, number, clock::fast_ticks()))
}

#[cold]
#[inline(never)]
fn run_full<R>(site: &'static Site, gate: u32, body: impl FnOnce() -> R) -> R {
    let _range = Range::begin_full(site, gate);
    body()
}

/// Guard that ends a range of the fast path.
#[derive(Debug)]
struct PlainEnd(u32);

impl Drop for PlainEnd {
    #[inline(always)]
    fn drop(&mut self) {
        // The clock first: the time after it is the profiler's own.
        let entry = Entry::new(Tag::End, self.0, clock::fast_ticks());
        buffer::append(true, || entry);
    }
}

/// An open range; it ends when this is dropped.
///
/// # In async code
///
/// It stays on its thread: it is not `Send`. A future that holds it across an `.await` is not
/// `Send` either, and cannot be spawned on a runtime of several threads. Make that part a function
/// of its own:
///
/// ```
/// # async fn load() -> Vec<f32> { Vec::new() }
/// #[profiler_core::profiled_stage("vae.encode")]
/// async fn encode() -> Vec<f32> {
///     load().await
/// }
/// ```
///
/// # Cost
///
/// One word, so that a guard that records nothing is a register and one comparison: 0 for nothing;
/// negative on the fast path, where `Entry::end_of_guard` turns it into the end; else the key of
/// the work to be done out of line at the end, with a lowest bit that says whether the begin is in
/// the stream.
#[must_use = "the range ends when this is dropped: bind it to a name, as in `let _range = …`"]
#[derive(Debug)]
pub struct Range {
    word: u64,
    stays_on_its_thread: PhantomData<*const ()>,
}

thread_local! {
    /// Work that the guards of this thread do out of line.
    static HELD: RefCell<OpenList<Held>> = const { RefCell::new(OpenList::new()) };
}

/// Work that a guard does out of line when it ends.
#[derive(Clone, Copy)]
struct Held {
    site: &'static Site,
    /// Index of the step itself.
    index: Option<u64>,
    /// The word of the fast path if the begin is in the stream, else 0.
    recorded: u64,
    /// True if the CPU time of the range is measured.
    timed: bool,
    /// State of `select` for the range, if it is counted there.
    admitted: Option<select::Admitted>,
    /// Id that the GPU's profiler has for the range.
    correlated: Option<u64>,
    /// Key of the range in the attached tool.
    shown: Option<u64>,
    /// Key of the range in `steps`.
    step: Option<u64>,
}

impl Range {
    /// Begins a range of `site`, if anything records.
    #[inline(always)]
    pub fn enter(site: &'static Site) -> Self {
        let gate = gate::load();
        if gate == 0 { Self::nothing() } else { Self::begin(site, gate) }
    }

    /// Begins a range with a description of the call; the gate is read once for both.
    #[inline(always)]
    pub fn enter_described(site: &'static Site, tell: impl FnOnce(&mut Call)) -> Self {
        let gate = gate::load();
        if gate == 0 {
            return Self::nothing();
        }
        describe_open(site, gate, tell);
        Self::begin(site, gate)
    }

    #[inline(always)]
    fn begin(site: &'static Site, gate: u32) -> Self {
        if gate & gate::SLOW != 0 {
            return Self::begin_full(site, gate);
        }
        let (number, mut word) = (site.fast_number(), 0);
        let begin = || {
            let ticks = clock::fast_ticks();
            word = Entry::guard(number, ticks);
            Entry::begin_of_guard(number, ticks)
        };
        let begun = site::is_fast(number) && buffer::append_if_room(begin);
        if begun { Self::of(word) } else { Self::begin_full(site, gate) }
    }

    /// Counts a range that begins where the thread works for the profiler, as in a signal handler
    /// that interrupted it: locks may be held.
    pub(super) fn refused(gate: u32) -> Self {
        if gate & gate::RECORD != 0 {
            Loss::Reentry.count();
        }
        Self::nothing()
    }

    /// Returns a guard that records nothing.
    #[doc(hidden)]
    pub const fn nothing() -> Self {
        Self::of(0)
    }

    /// Returns whether the begin is in this thread's stream.
    pub const fn is_recorded(&self) -> bool {
        self.is_plain() || self.word & 1 != 0
    }

    const fn is_plain(&self) -> bool {
        // CAST: only for the sign.
        (self.word as i64) < 0
    }

    const fn of(word: u64) -> Self {
        Self { word, stays_on_its_thread: PhantomData }
    }

    #[cold]
    #[inline(never)]
    fn begin_full(site: &'static Site, gate: u32) -> Self {
        if ledger::is_own() {
            return Self::refused(gate);
        }
        if gate & gate::MOVING != 0 {
            buffer::move_on();
        }
        let gate = tool::sought(gate);
        let is_step = site.kind() == Kind::Step && gate & gate::STEPS != 0;
        if site.number() == 0 || !has_room(is_step) {
            return Held::of(site).lose(gate);
        }
        let index = if is_step || gate & gate::NVTX != 0 { tool::told(site.number()) } else { None };
        let shown = if gate & gate::NVTX == 0 { None } else { tool::begin(site, index) };
        let step = if is_step { steps::begin(site.number()) } else { None };
        let mut held = Held { index, shown, step, ..Held::of(site) };
        held.record(gate);
        held.keep()
    }
}

/// Returns whether there is memory for another open range on this thread; true while the thread is
/// ending.
fn has_room(is_step: bool) -> bool {
    let has_room = HELD.try_with(|held| held.try_borrow_mut().map_or(true, |mut held| held.has_room()));
    has_room.unwrap_or(true) && (!is_step || steps::has_room())
}

impl Held {
    /// Creates the state of a range that has no work to do yet.
    const fn of(site: &'static Site) -> Self {
        let (index, admitted, correlated, shown, step) = (None, None, None, None, None);
        Self { site, index, recorded: 0, timed: false, admitted, correlated, shown, step }
    }

    /// Returns whether ranges are selected, and whether this one is recorded.
    fn is_wanted(&self, gate: u32) -> (bool, bool) {
        let filtered = gate & gate::FILTER != 0 && self.site.kind() != Kind::Request;
        (filtered, gate & gate::RECORD != 0 && (!filtered || select::admits(self.site)))
    }

    /// Counts a range for which there is no memory.
    #[cold]
    fn lose(self, gate: u32) -> Range {
        // Takes the index, so that no other step gets it.
        tool::told(self.site.number());
        if self.is_wanted(gate).1 {
            Loss::NoMemory.count();
        }
        Range::nothing()
    }

    /// Writes the begin, if it is wanted and there is room.
    fn record(&mut self, gate: u32) {
        let (site, number) = (self.site, self.site.number());
        let (filtered, wanted) = self.is_wanted(gate);
        if !wanted {
            return;
        }
        if gate & gate::STACKS != 0 {
            stack::write(number);
        }
        self.correlated = correlation::push(gate);
        self.timed = cpu_time::is_measured(gate, site);
        if self.timed {
            cpu_time::write(number);
        }
        let word = Cell::new(0);
        let recorded = buffer::append(false, || {
            let ticks = clock::ticks();
            word.set(Entry::guard(number, ticks));
            Entry::begin_of_guard(number, ticks)
        });
        if recorded {
            self.recorded = word.get();
        } else if let Some(id) = self.correlated.take() {
            correlation::pop(id);
        }
        self.admitted = if recorded && filtered { select::enter() } else { None };
    }

    /// Returns a guard that ends the range.
    fn keep(self) -> Range {
        let Self { recorded, shown, step, .. } = self;
        if recorded == 0 && shown.is_none() && step.is_none() {
            return Range::nothing();
        }
        let mut held = Some(self);
        let key = HELD.try_with(|all| all.try_borrow_mut().ok().and_then(|mut all| all.begin(held.take()?)));
        // The thread is ending, or was interrupted here: the range ends at once.
        if let Some(held) = held {
            held.end(clock::ticks(), u64::MAX);
        }
        key.ok().flatten().map_or(Range::nothing(), |key| Range::of(key << 1 | u64::from(recorded != 0)))
    }

    fn end(self, ticks: u64, own_key: u64) {
        if self.recorded != 0 {
            if self.timed {
                cpu_time::write(self.site.number());
            }
            buffer::append(true, || Entry::end_of_guard(self.recorded, ticks));
        }
        if let Some(id) = self.correlated {
            correlation::pop(id);
        }
        if let Some(key) = self.shown {
            tool::end(key);
        }
        if let Some(admitted) = self.admitted {
            select::leave(admitted);
        }
        if let Some(key) = self.step {
            steps::end(key);
            self.begin_next(own_key);
        }
    }

    /// Records the next step if the end of this step has begun a recording. A step of the same loop
    /// that replaced this one, as in `step = step!(…)`, began just before: it is recorded from here
    /// on.
    fn begin_next(&self, own_key: u64) {
        let gate = gate::load();
        if self.recorded != 0 || gate & gate::RECORD == 0 {
            return;
        }
        let last = HELD.try_with(|held| held.try_borrow().ok().and_then(|held| held.last().copied()));
        if let Ok(Some((key, mut next))) = last
            && key > own_key
            && next.recorded == 0
            && std::ptr::eq(next.site, self.site)
        {
            if let Some(index) = next.index {
                buffer::append(false, || Entry::argument_of(Key::INDEX, 0, next.site.number(), index));
            }
            next.record(gate);
            let _ = HELD.try_with(|held| {
                if let Ok(mut held) = held.try_borrow_mut()
                    && let Some(held) = held.get_mut(key)
                {
                    *held = next;
                }
            });
        }
    }
}

impl Drop for Range {
    #[inline(always)]
    fn drop(&mut self) {
        if self.word == 0 {
            return;
        }
        if self.is_plain() {
            // The clock first: the time after it is the profiler's own.
            let entry = Entry::end_of_guard(self.word, clock::fast_ticks());
            buffer::append(true, || entry);
        } else {
            end_full(self.word >> 1);
        }
    }
}

#[cold]
#[inline(never)]
fn end_full(key: u64) {
    let ticks = clock::ticks();
    let held = HELD.try_with(|held| held.try_borrow_mut().ok().and_then(|mut held| held.end(key)));
    if let Ok(Some((held, _))) = held {
        held.end(ticks, key);
    }
}

/// Begins a stage whose name is known only at run time. The name is interned (at most 4,096
/// different ones) under a lock while something records. A name longer than 256 bytes is cut and
/// ends in `…`.
pub fn stage(name: &str) -> Range {
    dynamic(Kind::Stage, name)
}

/// Begins an op whose name is known only at run time; see [`stage`].
pub fn op(name: &str) -> Range {
    dynamic(Kind::Op, name)
}

/// Begins a step whose name is known only at run time; see [`stage`].
pub fn step_named(name: &str) -> Range {
    dynamic(Kind::Step, name)
}

fn dynamic(kind: Kind, name: &str) -> Range {
    match gate::load() {
        0 => Range::nothing(),
        gate if ledger::is_own() => Range::refused(gate),
        _ => Range::enter(site::dynamic_site(kind, name)),
    }
}
