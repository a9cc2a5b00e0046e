//! An enter of a span: begins its range, as a poll of the span's task if it has one.

use profiler_core::span::{self, Enter};
use profiler_runtime::Range;
use profiler_runtime::site::{Kind, Site};

use crate::callsite::Callsite;
use crate::open;
use crate::state::State;

/// Begins a range for an enter of the span with this id. `state` finds its state, if it has one.
#[inline]
pub(crate) fn begin(id: u64, callsite: &'static Callsite, state: impl FnOnce() -> Option<&'static State>) {
    let Some(site) = callsite.site() else { return };
    match if callsite.has_state() { state() } else { None } {
        None => open::begin(id, callsite, span::enter(site, Enter::default()), None),
        Some(state) => {
            let poll = state.enter(site);
            let enter = Enter { task: poll.task, is_first: poll.is_first, ..Enter::default() };
            let has_fields = site.kind() == Kind::Request || !callsite.metadata.fields().is_empty();
            let is_needed = has_fields && (poll.task.is_none() || state.needs_description());
            let range = if is_needed { described(state, site, enter) } else { span::enter(site, enter) };
            open::begin(id, callsite, range, poll.is_first_enter.then_some(state));
        }
    }
}

/// Begins a range with the span's fields.
#[cold]
fn described(state: &State, site: &'static Site, enter: Enter<'_>) -> Range {
    let fields = state.fields();
    let Some(fields) = fields.as_deref() else { return span::enter(site, enter) };
    let request_id = (site.kind() == Kind::Request).then_some(fields.request_id.as_str());
    span::enter(site, Enter { arguments: &fields.numbers, request_id, ..enter })
}
