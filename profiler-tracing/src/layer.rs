//! The layer for a program's own subscriber, and its filter.

use profiler_core::span;
use profiler_runtime::config::SpanKind;
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Interest, LevelFilter, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

use crate::{callsite, enter, open, state};

/// Layer that records spans as ranges.
#[derive(Debug)]
pub(crate) struct ProfilerLayer;

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for ProfilerLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _context: Context<'_, S>) {
        let callsite = callsite::of(attributes.metadata());
        if callsite.has_state()
            && let Some(state) = state::create(id.into_u64(), callsite)
        {
            state.record(callsite, |visitor| attributes.record(visitor));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(metadata) = context.metadata(id) else { return };
        let callsite = callsite::of(metadata);
        if callsite.has_state()
            && let Some(state) = state::of(id.into_u64())
        {
            state.record(callsite, |visitor| values.record(visitor));
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if span::is_wanted()
            && let Some(metadata) = context.metadata(id)
        {
            let id = id.into_u64();
            enter::begin(id, callsite::of(metadata), || state::of(id));
        }
    }

    fn on_exit(&self, id: &Id, _context: Context<'_, S>) {
        open::end(id.into_u64());
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(metadata) = context.metadata(&id) else { return };
        let callsite = callsite::of(metadata);
        if callsite.has_state()
            && let Some(state) = state::of(id.into_u64())
        {
            state.close(callsite.site());
        }
    }
}

/// Filter of the layer: all spans that the rules do not leave out, and no events.
#[derive(Debug)]
pub(crate) struct Wanted;

impl<S> Filter<S> for Wanted {
    fn enabled(&self, metadata: &Metadata<'_>, _context: &Context<'_, S>) -> bool {
        metadata.is_span()
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        interest(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }
}

/// Returns the profiler's interest in a callsite. Rules may change with each session; `unseen` then
/// has every callsite asked for again.
pub(crate) fn interest(metadata: &'static Metadata<'static>) -> Interest {
    if metadata.is_span() && callsite::of(metadata).kind() != SpanKind::Off {
        Interest::always()
    } else {
        Interest::never()
    }
}
