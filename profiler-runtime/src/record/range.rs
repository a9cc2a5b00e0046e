//! A range: one execution of a site, from its begin to its drop.
//!
//! [`run`] is what the attributes expand to. It reads the gate once; off, it calls the body without any guard around
//! it, because a guard's drop flag and unwind edges cost more than the gate itself. On, the fast path is two clock
//! reads and two 16-byte stores; whatever else a range may have to do (selection, steps, stacks, a slow clock, a tool
//! that looks on) is out of line.

use std::marker::PhantomData;

use super::clock;
use super::describe::{Call, describe_open};
use super::entry::{Entry, Tag};
use super::site::{self, Kind, Site};
use super::{annotate, buffer, correlate, gate, select, stack, steps};

/// Runs `body` as a range of `site`. Cost: see the crate's documentation.
#[inline(always)]
pub fn run<R>(site: &'static Site, body: impl FnOnce() -> R) -> R {
    let gate = gate::load();
    if gate == 0 { body() } else { run_recorded(site, gate, body) }
}

/// Out of line, so that the off path needs no registers saved.
#[inline(never)]
fn run_recorded<R>(site: &'static Site, gate: u32, body: impl FnOnce() -> R) -> R {
    if gate & gate::SLOW != 0 {
        return run_full(site, gate, body);
    }
    // Behind the gate: asked for together, the two cost two instructions more.
    let number = site.fast_number();
    if !site::is_fast(number) || !begin_plain(number) {
        return run_full(site, gate, body);
    }
    let _end = PlainEnd(number);
    body()
}

/// Begins a range; false where its entry finds no room: whoever makes room is out of line, with the body, so that nothing
/// of it is kept in registers on the fast path.
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

/// Ends a range of the fast path.
#[derive(Debug)]
struct PlainEnd(u32);

impl Drop for PlainEnd {
    #[inline(always)]
    fn drop(&mut self) {
        // The clock first: what follows is the profiler's own time.
        let entry = Entry::new(Tag::End, self.0, clock::fast_ticks());
        buffer::append(true, || entry);
    }
}

/// An open range; it ends when this is dropped. Stays on its thread.
///
/// A word, so that a guard which records nothing is a register and one comparison: 0 for nothing, else the site's number
/// and above it what has to be done out of line at the end, which is nothing on the fast path.
#[must_use = "the range ends when this is dropped: bind it to a name, as in `let _range = …`"]
#[derive(Debug)]
pub struct Range {
    word: u64,
    stays_on_its_thread: PhantomData<*const ()>,
}

/// Its begin is in the stream.
const RECORDED: u64 = 1 << 32;
/// `select` counts it.
const ADMITTED: u64 = 1 << 33;
/// The GPU's profiler knows it.
const CORRELATED: u64 = 1 << 34;
/// A tool knows it.
const SHOWN: u64 = 1 << 35;
/// It is a step that `steps` holds, at the place that is above this bit.
const STEP: u64 = 1 << 36;
const PLACE_SHIFT: u32 = 37;

impl Range {
    /// Begins a range of `site`, if anything records.
    #[inline(always)]
    pub fn enter(site: &'static Site) -> Self {
        let gate = gate::load();
        if gate == 0 { Self::nothing() } else { Self::begin(site, gate) }
    }

    /// The same with a description of the call; the gate is asked once for both.
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
        let number = site.fast_number();
        let begun = site::is_fast(number) && begin_plain(number);
        if begun { Self::of(number.into()) } else { Self::begin_full(site, gate) }
    }

    pub(crate) const fn nothing() -> Self {
        Self::of(0)
    }

    /// Whether its begin is in this thread's stream.
    pub(crate) const fn is_recorded(&self) -> bool {
        self.word != 0 && (self.is_plain() || self.word & RECORDED != 0)
    }

    const fn is_plain(&self) -> bool {
        self.word < RECORDED
    }

    const fn of(word: u64) -> Self {
        Self { word, stays_on_its_thread: PhantomData }
    }

    #[cold]
    #[inline(never)]
    fn begin_full(site: &'static Site, gate: u32) -> Self {
        let number = site.number();
        if gate & gate::MOVING != 0 {
            buffer::move_on();
        }
        let gate = annotate::sought(gate);
        let shown = gate & gate::NVTX != 0 && annotate::begin(site);
        let is_step = site.kind() == Kind::Step && gate & gate::STEPS != 0;
        let step = if is_step { steps::hold(steps::begin(number)) } else { None };
        let filtered = gate & gate::FILTER != 0 && site.kind() != Kind::Request;
        let wanted = gate & gate::RECORD != 0 && (!filtered || select::admits(site));
        let described = wanted && (gate & gate::STACKS == 0 || stack::write(number));
        let mut correlated = described && correlate::push(gate);
        let recorded = described && buffer::append(false, || Entry::new(Tag::Begin, number, clock::ticks()));
        if correlated && !recorded {
            correlate::pop();
            correlated = false;
        }
        let admitted = recorded && filtered;
        if admitted {
            select::enter();
        }
        let flag = |is: bool, flag| if is { flag } else { 0 };
        let held = step.map_or(0, |place| STEP | u64::from(place) << PLACE_SHIFT);
        let flags = flag(recorded, RECORDED)
            | flag(admitted, ADMITTED)
            | flag(correlated, CORRELATED)
            | flag(shown, SHOWN)
            | held;
        Self::of(if flags == 0 { 0 } else { flags | u64::from(number) })
    }
}

impl Drop for Range {
    #[inline(always)]
    fn drop(&mut self) {
        if self.word == 0 {
            return;
        }
        if self.is_plain() {
            // CAST: the flags are 0.
            drop(PlainEnd(self.word as u32));
        } else {
            end_full(self.word);
        }
    }
}

#[cold]
#[inline(never)]
fn end_full(word: u64) {
    let ticks = clock::ticks();
    // CAST: the number is the lower half.
    let site = word as u32;
    if word & RECORDED != 0 {
        buffer::append(true, || Entry::new(Tag::End, site, ticks));
    }
    if word & CORRELATED != 0 {
        correlate::pop();
    }
    if word & SHOWN != 0 {
        annotate::end();
    }
    if word & ADMITTED != 0 {
        select::leave();
    }
    // CAST: what is left of the word is the place.
    if word & STEP != 0
        && let Some(step) = steps::release((word >> PLACE_SHIFT) as u32)
    {
        steps::end(site, step);
    }
}
