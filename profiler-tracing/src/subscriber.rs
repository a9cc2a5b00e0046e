//! The subscriber for a program that has none.
//!
//! `tracing_subscriber`'s registry stores every span, so that layers can look at it; that takes far
//! longer than recording a range. This subscriber stores only the spans that may be futures or have
//! fields. Of the others the id names the callsite.

use profiler_core::span;
use tracing_core::span::{Attributes, Current, Id, Record};
use tracing_core::{Event, Interest, LevelFilter, Metadata, Subscriber};

use crate::callsite::{self, Callsite};
use crate::layer::interest;
use crate::state::{self, State};
use crate::{enter, open};

/// Flag of an id whose other bits are a callsite's number, because the span has no state.
const STATELESS: u64 = 1 << 63;

/// Subscriber that records spans as ranges.
#[derive(Debug)]
pub(crate) struct ProfilerSubscriber;

/// Returns the state of a span, if it has one.
#[inline]
fn state(id: &Id) -> Option<&'static State> {
    let id = id.into_u64();
    if id & STATELESS == 0 { state::at(id) } else { None }
}

/// Returns the callsite of a span.
#[inline]
fn callsite_of(id: &Id) -> Option<&'static Callsite> {
    match state(id) {
        Some(state) => state.callsite(),
        // CAST: the number is in the low bits.
        None => callsite::numbered(id.into_u64() as u32),
    }
}

impl Subscriber for ProfilerSubscriber {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        interest(metadata)
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let callsite = callsite::of(attributes.metadata());
        if callsite.has_state()
            && let Some((id, state)) = state::create_anywhere(callsite)
        {
            state.record(callsite, |visitor| attributes.record(visitor));
            return Id::from_u64(id);
        }
        Id::from_u64(STATELESS | u64::from(callsite.number))
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        if let Some(state) = state(id)
            && let Some(callsite) = state.callsite()
        {
            state.record(callsite, |visitor| values.record(visitor));
        }
    }

    fn record_follows_from(&self, _id: &Id, _follows: &Id) {}

    fn event(&self, _event: &Event<'_>) {}

    fn enter(&self, id: &Id) {
        let Some(callsite) = callsite_of(id) else { return };
        if span::is_wanted() {
            enter::begin(id.into_u64(), callsite, || state(id));
        } else {
            // For `current_span`.
            open::begin(id.into_u64(), callsite, profiler_runtime::Range::nothing(), None);
        }
    }

    fn exit(&self, id: &Id) {
        open::end(id.into_u64());
    }

    fn clone_span(&self, id: &Id) -> Id {
        if let Some(state) = state(id) {
            state.add_reference();
        }
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let Some(state) = state(&id) else { return false };
        let is_last = state.drop_reference();
        if is_last {
            state.close(state.callsite().and_then(Callsite::site));
        }
        is_last
    }

    fn current_span(&self) -> Current {
        open::innermost().map_or_else(Current::none, |(id, callsite)| Current::new(Id::from_u64(id), callsite.metadata))
    }
}
