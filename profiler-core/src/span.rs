//! Ranges for a layer that turns another crate's spans into ranges, such as `profiler-tracing`.
//!
//! Such a span is created once and entered any number of times, on any thread, so it may be a
//! function's call, a future, or an object that lives as long as the program. Each enter is a
//! [`Range`]. A span that is a future is also a task, whose enters are its polls. Whether it is one
//! shows only when it is entered again: [`add_earlier_poll`] then adds the first enter to the task.

use crate::call::Call;
use crate::future;
use crate::integer::Integer;
use crate::kind::Kind;
use crate::ledger;
use crate::range::Range;
use crate::site::Site;
use crate::stream::buffer;
use crate::stream::entry::{COMPLETED, ENDS, Entry, FIRST_POLL, Tag};
use crate::stream::key::Key;
use crate::{clock, gate, label, select};

/// A span's enter: what is written before its begin.
#[derive(Clone, Copy, Debug, Default)]
pub struct Enter<'a> {
    /// Number of the task, if the enter is a poll.
    pub task: Option<u64>,
    /// True if it is the task's first poll.
    pub is_first: bool,
    /// Values of the site's user-defined arguments, by their index.
    pub arguments: &'a [(u16, Integer)],
    /// Id, if the span is a request.
    pub request_id: Option<&'a str>,
}

/// Begins a range of `site` for an enter of a span. Costs a load while nothing records.
#[inline]
pub fn enter(site: &'static Site, enter: Enter<'_>) -> Range {
    let gate = gate::load();
    if gate == 0 {
        return Range::nothing();
    }
    if gate & gate::RECORD != 0 && !ledger::is_own() && is_admitted(site, gate) {
        let number = site.number();
        if let Some(id) = enter.request_id {
            label::with_truncated(id, |id| Call::request_id(number, id));
        }
        for &(index, value) in enter.arguments {
            buffer::append(false, || Entry::number_of(Key::own(index), number, value));
        }
        if let Some(task) = enter.task {
            let flags = if enter.is_first { FIRST_POLL } else { 0 };
            buffer::append(false, || Entry::new(Tag::Task, number, task).with_argument(flags));
        }
    }
    Range::enter(site)
}

fn is_admitted(site: &'static Site, gate: u32) -> bool {
    gate & gate::FILTER == 0 || site.kind() == Kind::Request || select::admits(site)
}

/// Names of arguments that the trace itself writes.
const RESERVED: &[&str] = profiler_runtime_macros::core_reserved_names!();

/// Returns whether the trace itself writes an argument of this name, so that a field must not.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Returns the number of a new task.
pub fn new_task() -> u64 {
    future::next_task()
}

/// Returns the ticks of a range's begin; `None` if it is not recorded.
pub fn begin_ticks(range: &Range) -> Option<u64> {
    range.begin_ticks()
}

/// Ends a range and returns the ticks of its end.
pub fn end(range: Range) -> u64 {
    range.end()
}

/// Returns the number of the current recording; `None` while nothing is recorded.
#[inline]
pub fn recording() -> Option<u32> {
    (gate::load() & gate::RECORD != 0).then(gate::recording)
}

/// Returns whether ranges are recorded or shown to a tool.
#[inline]
pub fn is_wanted() -> bool {
    gate::load() & (gate::RECORD | gate::NVTX | gate::STEPS | gate::TOOL_NOT_PROBED) != 0
}

/// Adds a poll to a task that was recorded as an ordinary range, from `begin` to `end` in ticks.
/// `is_first` says whether it is the task's first.
pub fn add_earlier_poll(site: &'static Site, (task, is_first): (u64, bool), (begin, end): (u64, u64)) {
    let gate = gate::load();
    if gate & gate::RECORD != 0 && !ledger::is_own() && is_admitted(site, gate) {
        let number = site.number();
        let flags = if is_first { FIRST_POLL } else { 0 };
        buffer::append(false, || Entry::new(Tag::Task, number, task).with_argument(flags));
        buffer::append(false, || Entry::pair(Tag::EarlierPoll, begin, end.saturating_sub(begin)));
    }
}

/// Ends a task whose span was closed.
pub fn end_task(site: &'static Site, task: u64) {
    let gate = gate::load();
    if gate & gate::RECORD != 0 && !ledger::is_own() {
        let (number, ticks) = (site.number(), clock::ticks());
        buffer::append(true, || Entry::new(Tag::Task, number, task).with_argument(ENDS));
        buffer::append(true, || Entry::new(Tag::TaskEnd, number, ticks).with_argument(COMPLETED));
    }
}
