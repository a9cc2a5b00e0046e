//! A range: one execution of a site, from its begin to its drop.
//!
//! [`run`] is what the attributes expand to. It reads the gate once; off, it calls the body without any guard around it, because a guard's drop flag and unwind edges cost more than the
//! gate itself. On, the fast path is two clock reads and two 16-byte stores; whatever else a range may have to do (selection, steps, a slow clock) is out of line.

use std::marker::PhantomData;

use super::clock;
use super::entry::{Entry, Tag};
use super::site::{self, Kind, Site};
use super::{buffer, gate, select, steps};

/// Runs `body` as a range of `site`. Cost: see the crate's documentation.
#[inline(always)]
pub fn run<R>(site: &'static Site, body: impl FnOnce() -> R) -> R {
    let gate = gate::load();
    if gate == 0 {
        return body();
    }
    let _range = Range::begin(site, gate);
    body()
}

/// An open range; it ends when this is dropped. Stays on its thread.
#[must_use = "the range ends when this is dropped: bind it to a name, as in `let _range = …`"]
#[derive(Debug)]
pub struct Range {
    end: End,
    stays_on_its_thread: PhantomData<*const ()>,
}

/// How the range ends.
#[derive(Debug)]
enum End {
    /// Not recorded.
    Nothing,
    /// One entry for this site.
    Plain(u32),
    /// Out of line.
    Full(FullEnd),
}

#[derive(Debug)]
struct FullEnd {
    site: u32,
    recorded: bool,
    admitted: bool,
    /// The site of the step around this one.
    step: Option<u32>,
}

impl Range {
    /// Begins a range of `site`, if anything records.
    #[inline(always)]
    pub fn enter(site: &'static Site) -> Self {
        let gate = gate::load();
        if gate == 0 { Self::ending(End::Nothing) } else { Self::begin(site, gate) }
    }

    #[inline(always)]
    pub(super) fn begin(site: &'static Site, gate: u32) -> Self {
        let number = site.fast_number();
        if gate & (gate::SLOW | gate::RECORD) == gate::RECORD && site::is_fast(number) {
            let word = Tag::Begin.word(0, number);
            if buffer::append(false, || Entry { value: clock::fast_ticks(), word }) {
                return Self::ending(End::Plain(number));
            }
            return Self::ending(End::Nothing);
        }
        Self::begin_full(site, gate)
    }

    pub(super) const fn nothing() -> Self {
        Self::ending(End::Nothing)
    }

    const fn ending(end: End) -> Self {
        Self { end, stays_on_its_thread: PhantomData }
    }

    #[cold]
    #[inline(never)]
    fn begin_full(site: &'static Site, gate: u32) -> Self {
        let number = site.number();
        let step = (site.kind() == Kind::Step && gate & gate::STEPS != 0).then(|| steps::begin(number));
        let filtered = gate & gate::FILTER != 0 && site.kind() != Kind::Request;
        let wanted = gate & gate::RECORD != 0 && (!filtered || select::admits(site));
        let recorded = wanted && buffer::append(false, || Entry { value: clock::ticks(), word: Tag::Begin.word(0, number) });
        let admitted = recorded && filtered;
        if admitted {
            select::enter();
        }
        if !recorded && step.is_none() {
            return Self::ending(End::Nothing);
        }
        Self::ending(End::Full(FullEnd { site: number, recorded, admitted, step }))
    }
}

impl Drop for Range {
    #[inline(always)]
    fn drop(&mut self) {
        match &self.end {
            End::Nothing => {}
            End::Plain(number) => {
                // The clock first: what follows is the profiler's own time.
                let entry = Entry { value: clock::fast_ticks(), word: Tag::End.word(0, *number) };
                buffer::append(true, || entry);
            }
            End::Full(end) => end.close(),
        }
    }
}

impl FullEnd {
    #[cold]
    #[inline(never)]
    fn close(&self) {
        let ticks = clock::ticks();
        if self.recorded {
            buffer::append(true, || Entry { value: ticks, word: Tag::End.word(0, self.site) });
        }
        if self.admitted {
            select::leave();
        }
        if let Some(outer) = self.step {
            steps::end(self.site, outer);
        }
    }
}
