//! A range: one execution of a site, from its begin to its drop.
//!
//! [`run`] is what the attributes expand to. It reads the gate once; off, it calls the body without any guard around
//! it, because a guard's drop flag and unwind edges cost more than the gate itself. On, the fast path is two clock
//! reads and two 16-byte stores; whatever else a range may have to do (selection, steps, stacks, a slow clock, a tool
//! that looks on) is out of line.

use std::marker::PhantomData;

use super::clock;
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
    if !site::is_fast(number) {
        return run_full(site, gate, body);
    }
    let Some(_end) = PlainEnd::begin(number) else { return run_full(site, gate, body) };
    body()
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

impl PlainEnd {
    /// Begins a range; `None` where its entry finds no room: whoever makes room is out of line, with the body, so that
    /// nothing of it is kept in registers here.
    #[inline(always)]
    fn begin(site: u32) -> Option<Self> {
        buffer::append_if_room(|| Entry::new(Tag::Begin, site, clock::fast_ticks())).then(|| Self(site))
    }
}

impl Drop for PlainEnd {
    #[inline(always)]
    fn drop(&mut self) {
        // The clock first: what follows is the profiler's own time.
        let entry = Entry::new(Tag::End, self.0, clock::fast_ticks());
        buffer::append(true, || entry);
    }
}

/// An open range; it ends when this is dropped. Stays on its thread.
#[must_use = "the range ends when this is dropped: bind it to a name, as in `let _range = …`"]
#[derive(Debug)]
pub struct Range {
    _end: End,
    stays_on_its_thread: PhantomData<*const ()>,
}

/// How the range ends.
#[derive(Debug)]
enum End {
    /// Not recorded.
    Nothing,
    /// One entry.
    Plain(#[expect(dead_code, reason = "its drop is what it is for")] PlainEnd),
    /// Out of line.
    Full(FullEnd),
}

#[derive(Debug)]
struct FullEnd {
    site: u32,
    recorded: bool,
    admitted: bool,
    correlated: bool,
    shown: bool,
    step: Option<steps::OpenStep>,
}

impl Range {
    /// Begins a range of `site`, if anything records.
    #[inline(always)]
    pub fn enter(site: &'static Site) -> Self {
        let gate = gate::load();
        if gate == 0 { Self::ending(End::Nothing) } else { Self::begin(site, gate) }
    }

    #[inline(always)]
    fn begin(site: &'static Site, gate: u32) -> Self {
        let number = site.fast_number();
        if gate & gate::SLOW != 0 || !site::is_fast(number) {
            return Self::begin_full(site, gate);
        }
        match PlainEnd::begin(number) {
            Some(end) => Self::ending(End::Plain(end)),
            None => Self::begin_full(site, gate),
        }
    }

    pub(crate) const fn nothing() -> Self {
        Self::ending(End::Nothing)
    }

    /// Whether its begin is in this thread's stream.
    pub(crate) const fn is_recorded(&self) -> bool {
        match &self._end {
            End::Nothing => false,
            End::Plain(_) => true,
            End::Full(end) => end.recorded,
        }
    }

    const fn ending(end: End) -> Self {
        Self { _end: end, stays_on_its_thread: PhantomData }
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
        let step = (site.kind() == Kind::Step && gate & gate::STEPS != 0).then(|| steps::begin(number));
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
        if !recorded && !shown && step.is_none() {
            return Self::ending(End::Nothing);
        }
        Self::ending(End::Full(FullEnd { site: number, recorded, admitted, correlated, shown, step }))
    }
}

impl Drop for FullEnd {
    #[cold]
    #[inline(never)]
    fn drop(&mut self) {
        let ticks = clock::ticks();
        if self.recorded {
            buffer::append(true, || Entry::new(Tag::End, self.site, ticks));
        }
        if self.correlated {
            correlate::pop();
        }
        if self.shown {
            annotate::end();
        }
        if self.admitted {
            select::leave();
        }
        if let Some(step) = self.step {
            steps::end(self.site, step);
        }
    }
}
