//! Ranges: one execution of a site, from its begin to its drop.
//!
//! The attributes expand to [`run`], which reads the gate once. While nothing records it calls the
//! body without a guard, because a guard's drop flag and unwind edges cost more than the gate
//! itself. While recording, the fast path is two clock reads and two 16-byte stores. All other work
//! of a range (selection, steps, stacks, a slow clock, an attached tool) is out of line.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;

use crate::call::{Call, describe_open};
use crate::hooks::{correlation, cpu_time, stack, steps, tool};
use crate::kind::Kind;
use crate::ledger;
use crate::open_list::OpenList;
use crate::site::{self, Site};
use crate::stream::buffer;
use crate::stream::entry::{Entry, Tag};
use crate::stream::key::Key;
use crate::stream::losses::Loss;
use crate::{clock, gate, select};

/// Runs `body` as a range of `site`. Costs a load and a branch while nothing records.
#[inline(always)]
pub fn run<R>(site: &'static Site, body: impl FnOnce() -> R) -> R {
    let gate = gate::load();
    if gate == 0 { body() } else { run_recorded(site, gate, body) }
}

/// Runs `body` as a range while the gate is open. Out of line, so that the off path saves no
/// registers.
#[inline(never)]
fn run_recorded<R>(site: &'static Site, gate: u32, body: impl FnOnce() -> R) -> R {
    if gate & gate::SLOW != 0 {
        return run_full(site, gate, body);
    }
    // Read after the gate: reading both together costs two more instructions.
    let number = site.fast_number();
    if !site::is_fast(number) || !begin_plain(number) {
        return run_full(site, gate, body);
    }
    let _end = PlainEnd(number);
    body()
}

/// Begins a range on the fast path; returns false if the chunk is full. The code that takes another
/// chunk is out of line, so that the fast path keeps none of its values in registers.
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

/// Guard that ends a range that began on the fast path.
#[derive(Debug)]
struct PlainEnd(u32);

impl Drop for PlainEnd {
    #[inline(always)]
    fn drop(&mut self) {
        // The clock is read first, so that the range excludes the profiler's own time.
        let entry = Entry::new(Tag::End, self.0, clock::fast_ticks());
        buffer::append(true, || entry);
    }
}

/// Guard of an open range, which ends when this is dropped.
///
/// # In async code
///
/// The guard stays on its thread: it is not `Send`. A future that holds it across an `.await` is
/// not `Send` either, and cannot be spawned on a multi-threaded runtime. Move that part into a
/// function of its own:
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
/// The guard is one word, so that one that records nothing costs a register and a comparison. The
/// word is 0 if nothing is recorded. It is negative on the fast path, where `Entry::end_of_guard`
/// turns it into the end. Otherwise it is the key of the out-of-line work at the end, and its
/// lowest bit says whether the begin is in the stream.
#[must_use = "the range ends when this is dropped: bind it to a name, as in `let _range = …`"]
#[derive(Debug)]
pub struct Range {
    word: u64,
    stays_on_its_thread: PhantomData<*const ()>,
}

thread_local! {
    /// Out-of-line work of this thread's open guards.
    static HELD: RefCell<OpenList<Held>> = const { RefCell::new(OpenList::new()) };
}

/// Out-of-line work that a guard does when it ends.
#[derive(Clone, Copy)]
struct Held {
    site: &'static Site,
    /// Index of the range, if it is a step.
    index: Option<u64>,
    /// The guard's word on the fast path if the begin is in the stream, else 0.
    recorded: u64,
    /// True if the CPU time of the range is measured.
    timed: bool,
    /// State of the range in `select`, if it is counted there.
    admitted: Option<select::Admitted>,
    /// Correlation id that was pushed for the range.
    correlated: Option<u64>,
    /// Key of the range in the attached tool.
    shown: Option<u64>,
    /// Key of the range in `steps`.
    step: Option<u64>,
}

impl Range {
    /// Begins a range of `site` if the gate is open.
    #[inline(always)]
    pub fn enter(site: &'static Site) -> Self {
        let gate = gate::load();
        if gate == 0 { Self::nothing() } else { Self::begin(site, gate) }
    }

    /// Begins a range with a description of its call; reads the gate once for both.
    #[inline(always)]
    pub fn enter_described(site: &'static Site, description: impl FnOnce(&mut Call)) -> Self {
        let gate = gate::load();
        if gate == 0 {
            return Self::nothing();
        }
        describe_open(site, gate, description);
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
        if begun { Self::from_word(word) } else { Self::begin_full(site, gate) }
    }

    /// Refuses and counts a range that begins while the thread works for the profiler, as in a
    /// signal handler that interrupted it: the thread may hold locks.
    pub(super) fn refused(gate: u32) -> Self {
        if gate & gate::RECORD != 0 {
            Loss::Reentry.count();
        }
        Self::nothing()
    }

    /// Returns a guard that records nothing.
    #[doc(hidden)]
    pub const fn nothing() -> Self {
        Self::from_word(0)
    }

    /// Returns whether the begin is in this thread's stream.
    pub const fn is_recorded(&self) -> bool {
        self.is_plain() || self.word & 1 != 0
    }

    /// Returns the ticks of the begin in this thread's stream, if it is there.
    pub(crate) fn begin_ticks(&self) -> Option<u64> {
        let word = if self.is_plain() { self.word } else { recorded_word(self.word >> 1)? };
        let now = clock::ticks();
        Some(Entry::end_of_guard(word, now).begin_before(now))
    }

    /// Ends the range and returns the ticks of its end.
    pub(crate) fn end(self) -> u64 {
        let ticks = clock::ticks();
        let this = ManuallyDrop::new(self);
        if this.is_plain() {
            buffer::append(true, || Entry::end_of_guard(this.word, ticks));
        } else if this.word != 0 {
            end_full_at(this.word >> 1, ticks);
        }
        ticks
    }

    const fn is_plain(&self) -> bool {
        // CAST: only for the sign.
        (self.word as i64) < 0
    }

    const fn from_word(word: u64) -> Self {
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
        let gate = tool::probed_gate(gate);
        if gate & (gate::RECORD | gate::STEPS | gate::NVTX) == 0 {
            return Self::nothing();
        }
        let is_step = site.kind() == Kind::Step && gate & gate::STEPS != 0;
        if site.number() == 0 || !has_room(is_step) {
            return Held::new(site).count_loss(gate);
        }
        let index = if is_step || gate & gate::NVTX != 0 { tool::take_explicit_index(site.number()) } else { None };
        let shown = if gate & gate::NVTX == 0 { None } else { tool::begin(site, index) };
        let step = if is_step { steps::begin(site.number()) } else { None };
        let mut held = Held { index, shown, step, ..Held::new(site) };
        held.record(gate);
        held.keep()
    }
}

/// Reserves memory for another open range on this thread; returns false if there is none. Returns
/// true while the thread is ending.
fn has_room(is_step: bool) -> bool {
    let has_room = HELD.try_with(|held| held.try_borrow_mut().map_or(true, |mut held| held.try_reserve()));
    has_room.unwrap_or(true) && (!is_step || steps::has_room())
}

impl Held {
    /// Creates the state of a range without any work so far.
    const fn new(site: &'static Site) -> Self {
        let (index, admitted, correlated, shown, step) = (None, None, None, None, None);
        Self { site, index, recorded: 0, timed: false, admitted, correlated, shown, step }
    }

    /// Returns whether a selection applies, and whether this range is recorded.
    fn is_wanted(&self, gate: u32) -> (bool, bool) {
        let filtered = gate & gate::FILTER != 0 && self.site.kind() != Kind::Request;
        (filtered, gate & gate::RECORD != 0 && (!filtered || select::admits(self.site)))
    }

    /// Counts a range that is lost for lack of memory.
    #[cold]
    fn count_loss(self, gate: u32) -> Range {
        // Discards the explicit index, so that no other step takes it.
        tool::take_explicit_index(self.site.number());
        if self.is_wanted(gate).1 {
            Loss::NoMemory.count();
        }
        Range::nothing()
    }

    /// Writes the begin if the range is to be recorded and there is room.
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

    /// Stores this state and returns the guard that ends the range.
    fn keep(self) -> Range {
        let Self { recorded, shown, step, .. } = self;
        if recorded == 0 && shown.is_none() && step.is_none() {
            return Range::nothing();
        }
        let mut held = Some(self);
        let key = HELD.try_with(|all| all.try_borrow_mut().ok().and_then(|mut all| all.begin(held.take()?)));
        // The thread is ending, or a signal handler interrupted it here: the range ends at once.
        if let Some(held) = held {
            held.end(clock::ticks(), u64::MAX);
        }
        key.ok().flatten().map_or(Range::nothing(), |key| Range::from_word(key << 1 | u64::from(recorded != 0)))
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

    /// Records the next step if the end of this one started a recording. In `step = step!(…)` the
    /// next step of the loop begins just before this one ends, so it is recorded from here on.
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
            // The clock is read first, so that the range excludes the profiler's own time.
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
    end_full_at(key, clock::ticks());
}

fn end_full_at(key: u64, ticks: u64) {
    let held = HELD.try_with(|held| held.try_borrow_mut().ok().and_then(|mut held| held.end(key)));
    if let Ok(Some((held, _))) = held {
        held.end(ticks, key);
    }
}

/// Returns the word that an open guard with out-of-line work keeps for its end; `None` if its begin
/// is not in the stream.
fn recorded_word(key: u64) -> Option<u64> {
    let word = HELD.try_with(|held| Some(held.try_borrow_mut().ok()?.get_mut(key)?.recorded)).ok().flatten();
    word.filter(|word| *word != 0)
}

/// Begins a stage whose name is known only at run time. A name that the process has not used before
/// is interned under a lock while something records; afterwards it costs a hash and a comparison. A
/// process interns at most 4,096 names. A name longer than 256 bytes is truncated and ends in `…`.
pub fn stage(name: &str) -> Range {
    dynamic(Kind::Stage, name)
}

/// Begins an op whose name is known only at run time; see [`stage`].
pub fn op(name: &str) -> Range {
    dynamic(Kind::Op, name)
}

/// Begins a step whose name is known only at run time; see [`stage`].
pub fn step(name: &str) -> Range {
    dynamic(Kind::Step, name)
}

/// Begins a stage whose name lives as long as the program, as a value in a table does. After its
/// first use the name costs a look-up by its address; otherwise as [`stage`](fn@stage).
pub fn stage_static(name: &'static str) -> Range {
    of_site(|| site::static_site(Kind::Stage, name))
}

/// Begins an op whose name lives as long as the program; see [`stage_static`].
pub fn op_static(name: &'static str) -> Range {
    of_site(|| site::static_site(Kind::Op, name))
}

/// Begins a step whose name lives as long as the program; see [`stage_static`].
pub fn step_static(name: &'static str) -> Range {
    of_site(|| site::static_site(Kind::Step, name))
}

fn dynamic(kind: Kind, name: &str) -> Range {
    of_site(|| site::dynamic_site(kind, name))
}

#[inline]
fn of_site(site: impl FnOnce() -> &'static Site) -> Range {
    match gate::load() {
        0 => Range::nothing(),
        gate if ledger::is_own() => Range::refused(gate),
        _ => Range::enter(site()),
    }
}
