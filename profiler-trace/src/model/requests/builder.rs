//! Collection of requests in the first pass: all are counted and timed, and a selection is kept.
//!
//! The second pass collects the stages of the kept requests ([`super::gather`]). The first cannot:
//! whether a request is kept depends on its duration, which is known only after its stages have
//! passed.

use crate::model::slice::Slice;
use crate::model::tasks::{Task, Tasks};
use crate::model::values::key;
use profiler_core::site::Kind;

use super::selection::Selection;
use super::{Request, Requests};

/// Collects requests while threads are read, in any order.
#[derive(Default)]
pub(in crate::model) struct RequestsBuilder {
    requests: Requests,
    selection: Selection,
    /// Start of the first request.
    first: Option<u64>,
}

impl RequestsBuilder {
    /// Adds the request of a guard.
    pub(in crate::model) fn guard(&mut self, slice: &Slice) {
        let (clipped, finished) = (slice.clipped, slice.finished);
        self.count((slice.begin, slice.end), (clipped, finished), |times| {
            Request::new(slice.args().text.clone(), times, key(slice.external_id, None))
        });
    }

    fn task(&mut self, task: &Task<'_>) {
        let (cancelled, number) = (task.is_cancelled(), task.number());
        self.requests.cancelled += u64::from(cancelled);
        self.count((task.begin, task.end), (task.clipped, task.finished), |times| {
            let id = task.text().map_or_else(|| format!("task {number}"), str::to_owned);
            Request { task: Some(number), cancelled, ..Request::new(id, times, key(0, Some(number))) }
        });
    }

    fn count(
        &mut self,
        times @ (begin, end): (u64, u64),
        (clipped, finished): (bool, bool),
        make: impl Fn((u64, u64)) -> Request,
    ) {
        self.requests.clipped += u64::from(clipped);
        self.requests.unfinished += u64::from(!finished);
        self.requests.durations.add(end - begin);
        if self.first.is_none_or(|first| begin < first) {
            self.first = Some(begin);
            self.requests.first_id = Some(make(times).id);
        }
        self.selection.offer(begin, end - begin, || Request { clipped, finished, ..make(times) });
    }

    /// Returns all requests, including those of futures, without their stages.
    pub(in crate::model) fn close(mut self, tasks: &Tasks) -> Requests {
        tasks.iter().filter(|task| task.site.kind() == Kind::Request).for_each(|task| self.task(&task));
        Requests { kept: self.selection.close(), ..self.requests }
    }
}
