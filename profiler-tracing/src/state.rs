//! States of spans that may be futures, or have fields: a table of a fixed size without locks.
//!
//! A span that finds no room has no life and no arguments, and its enters are recorded all the
//! same.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use profiler_core::{ledger, span};
use profiler_runtime::site::{Kind, Site};
use tracing_core::field::Visit;

use crate::callsite::{self, Callsite};
use crate::fields::Fields;

/// Number of states, a power of two: 2.5 MB of address space, of which only used pages are memory.
const STATES: usize = 1 << 15;
/// Number of places in which a span's state may be.
const PROBES: usize = 8;

/// State of a span from its creation until it is closed.
///
/// Its atomics are only statistics to each other: a span that two threads enter at once may get the
/// times of either as its first.
#[derive(Debug)]
pub(crate) struct State {
    /// Id of the span, 0 if the state is free.
    span: AtomicU64,
    /// Number of its callsite.
    callsite: AtomicU32,
    /// Number of handles to the span, where our own subscriber counts them.
    references: AtomicU32,
    /// Fields, if ranges show any.
    fields: Mutex<Option<Box<Fields>>>,
    /// Number of the task, 0 before the span is one.
    task: AtomicU64,
    /// Begin and end of the first enter, in ticks.
    begin: AtomicU64,
    end: AtomicU64,
    /// Number of enters that were seen.
    enters: AtomicU32,
    /// Recordings in which the span was created, first entered, and last described; 0 for none.
    created_in: AtomicU32,
    entered_in: AtomicU32,
    described_in: AtomicU32,
}

static TABLE: [State; STATES] = [const { State::new() }; STATES];

/// A poll of a span's task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Poll {
    /// Number of the task, if the span is one.
    pub(crate) task: Option<u64>,
    /// True if it is the task's first poll.
    pub(crate) is_first: bool,
    /// True if it is the first enter that was seen.
    pub(crate) is_first_enter: bool,
}

/// Flag in `span` of a state that [`create_anywhere`] has taken.
const OWN: u64 = 1 << 62;

fn places(span: u64) -> impl Iterator<Item = usize> {
    // The golden ratio spreads ids that differ in few bits.
    let hash = span.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    // CAST: the table is small.
    (0..PROBES).map(move |probe| (hash as usize + probe) % STATES)
}

/// Creates the state of a new span; `None` if there is no room.
pub(crate) fn create(span: u64, callsite: &Callsite) -> Option<&'static State> {
    places(span).map(|place| &TABLE[place]).find(|state| state.take(span, callsite))
}

thread_local! {
    /// Place that this thread freed last.
    static FREED: Cell<usize> = const { Cell::new(0) };
    /// Number of states that this thread has looked for.
    static SOUGHT: Cell<u64> = const { Cell::new(0) };
}

/// Creates the state of a new span where there is room. Returns the id that [`at`] takes with it.
#[inline]
pub(crate) fn create_anywhere(callsite: &Callsite) -> Option<(u64, &'static State)> {
    let freed = FREED.try_with(Cell::get).unwrap_or_default();
    let take = |place: &usize| TABLE[*place].take(OWN, callsite);
    let place = if take(&freed) { Some(freed) } else { places(seed()).find(take) }?;
    Some((place as u64 + 1, &TABLE[place]))
}

/// Returns a number at which to look for room, different for each call.
fn seed() -> u64 {
    let sought = SOUGHT.try_with(|sought| sought.replace(sought.get() + 1)).unwrap_or_default();
    let thread = SOUGHT.try_with(|sought| std::ptr::from_ref(sought).addr()).unwrap_or_default();
    sought.wrapping_add((thread as u64) << 16)
}

/// Returns the state with an id of [`create_anywhere`].
#[inline]
pub(crate) fn at(id: u64) -> Option<&'static State> {
    // CAST: ids are places.
    TABLE.get((id as usize).wrapping_sub(1))
}

/// Returns the state of a span.
#[inline]
pub(crate) fn of(span: u64) -> Option<&'static State> {
    // ORDERING: see `create`.
    places(span).map(|place| &TABLE[place]).find(|state| state.span.load(Ordering::Relaxed) == span)
}

impl State {
    const fn new() -> Self {
        Self {
            span: AtomicU64::new(0),
            callsite: AtomicU32::new(0),
            references: AtomicU32::new(0),
            fields: Mutex::new(None),
            task: AtomicU64::new(0),
            begin: AtomicU64::new(0),
            end: AtomicU64::new(0),
            enters: AtomicU32::new(0),
            created_in: AtomicU32::new(0),
            entered_in: AtomicU32::new(0),
            described_in: AtomicU32::new(0),
        }
    }

    /// Takes the state for a span with one handle. Returns false if it is taken.
    #[inline]
    fn take(&self, span: u64, callsite: &Callsite) -> bool {
        // ORDERING: sees what `close` has stored; a thread that enters the span got its id from
        // this one.
        let is_free = self.span.compare_exchange(0, span, Ordering::Acquire, Ordering::Relaxed).is_ok();
        if is_free {
            self.callsite.store(callsite.number, Ordering::Relaxed);
            self.references.store(1, Ordering::Relaxed);
            self.created_in.store(span::recording().unwrap_or(0), Ordering::Relaxed);
        }
        is_free
    }

    /// Returns the span's callsite.
    #[inline]
    pub(crate) fn callsite(&self) -> Option<&'static Callsite> {
        callsite::numbered(self.callsite.load(Ordering::Relaxed))
    }

    /// Counts another handle to the span.
    #[inline]
    pub(crate) fn add_reference(&self) {
        self.references.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a handle less. Returns whether it was the last.
    #[inline]
    pub(crate) fn drop_reference(&self) -> bool {
        // ORDERING: the last one sees what all others have done.
        self.references.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Returns the span's fields, if ranges show any.
    pub(crate) fn fields(&self) -> MutexGuard<'_, Option<Box<Fields>>> {
        self.fields.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the values of a span's fields that `values` visits.
    #[inline]
    pub(crate) fn record(&self, callsite: &Callsite, values: impl FnOnce(&mut dyn Visit)) {
        if callsite.has_fields() {
            self.record_fields(callsite, values);
        }
    }

    fn record_fields(&self, callsite: &Callsite, values: impl FnOnce(&mut dyn Visit)) {
        // The values' memory counts as the profiler's.
        let _own = ledger::own();
        let mut fields = self.fields();
        let mut new = fields.take().unwrap_or_else(|| Box::new(Fields::new(callsite.is_request())));
        values(&mut *new);
        new.make_request_id(callsite.metadata.name());
        *fields = (!new.is_empty()).then_some(new);
    }

    /// Begins an enter of the span. Adds the first enter to the span's task if this is the second.
    #[inline]
    pub(crate) fn enter(&self, site: &'static Site) -> Poll {
        let recording = span::recording().unwrap_or(0);
        // ORDERING: see `State`.
        let is_first_enter = self.enters.fetch_add(1, Ordering::Relaxed) == 0;
        let is_first = is_first_enter && recording != 0 && self.created_in.load(Ordering::Relaxed) == recording;
        if is_first_enter {
            self.entered_in.store(recording, Ordering::Relaxed);
        }
        let is_task = match site.kind() {
            Kind::Op => false,
            Kind::Request => true,
            _ => !is_first_enter,
        };
        let task = is_task.then(|| self.task(site, recording, is_first_enter));
        Poll { task, is_first, is_first_enter }
    }

    /// Returns the number of the task, which the first call assigns.
    fn task(&self, site: &'static Site, recording: u32, is_first_enter: bool) -> u64 {
        let known = self.task.load(Ordering::Relaxed);
        if known != 0 {
            return known;
        }
        let new = span::new_task();
        if let Err(known) = self.task.compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed) {
            return known;
        }
        let [begin, end] = [&self.begin, &self.end].map(|time| time.load(Ordering::Relaxed));
        let is_recorded = recording != 0 && self.entered_in.load(Ordering::Relaxed) == recording;
        if !is_first_enter && is_recorded && end != 0 {
            let is_complete = self.created_in.load(Ordering::Relaxed) == recording;
            span::add_earlier_poll(site, (new, is_complete), (begin, end));
        }
        new
    }

    /// Sets the times of the first enter, in ticks, if it was recorded.
    pub(crate) fn set_first_enter(&self, begin: Option<u64>, end: u64) {
        if let Some(begin) = begin {
            // ORDERING: see `State`.
            self.begin.store(begin, Ordering::Relaxed);
            self.end.store(end, Ordering::Relaxed);
        }
    }

    /// Returns whether the current recording needs the span's description, and notes that it has
    /// it.
    pub(crate) fn needs_description(&self) -> bool {
        let recording = span::recording().unwrap_or(0);
        recording != 0 && self.described_in.swap(recording, Ordering::Relaxed) != recording
    }

    /// Frees the state of a span that is closed, and ends its task.
    pub(crate) fn close(&self, site: Option<&'static Site>) {
        let task = self.task.swap(0, Ordering::Relaxed);
        if let Some(site) = site.filter(|_| task != 0) {
            span::end_task(site, task);
        }
        if callsite::numbered(self.callsite.load(Ordering::Relaxed)).is_none_or(Callsite::has_fields) {
            let _own = ledger::own();
            drop(self.fields().take());
        }
        for time in [&self.begin, &self.end] {
            time.store(0, Ordering::Relaxed);
        }
        for count in [&self.enters, &self.created_in, &self.entered_in, &self.described_in] {
            count.store(0, Ordering::Relaxed);
        }
        // ORDERING: whoever takes the state next sees it empty.
        if self.span.swap(0, Ordering::Release) == OWN {
            let place = (std::ptr::from_ref(self).addr() - TABLE.as_ptr().addr()) / size_of::<Self>();
            let _ = FREED.try_with(|freed| freed.set(place));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_found_until_it_is_closed() {
        // Without a subscriber a span has no callsite.
        let _ = crate::init();
        let callsite = callsite::of(tracing::info_span!("span").metadata().unwrap());
        let spans: Vec<u64> = (1..1000).map(|span| span << 20 | 7).collect();
        spans.iter().for_each(|span| assert!(create(*span, callsite).is_some()));
        let anywhere: Vec<_> = (0..1000).map(|_| create_anywhere(callsite).unwrap()).collect();
        assert!(anywhere.iter().all(|(id, state)| std::ptr::eq(at(*id).unwrap(), *state)));
        assert!(spans.iter().all(|span| of(*span).is_some()));
        spans.iter().for_each(|span| of(*span).into_iter().for_each(|state| state.close(None)));
        anywhere.iter().for_each(|(_, state)| state.close(None));
        assert!(spans.iter().all(|span| of(*span).is_none()));
        assert_eq!(create_anywhere(callsite).unwrap().0, anywhere.last().unwrap().0, "the state freed last is used");
    }
}
