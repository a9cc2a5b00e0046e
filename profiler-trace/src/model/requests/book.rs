//! The first look at requests: every one is counted and timed, and those worth keeping are picked.
//!
//! Their stages are gathered in a reading of their own ([`super::gather`]), once it is known which
//! are kept: a request's duration is known at its end only, when its stages have long passed.

use crate::model::slice::Slice;
use crate::model::tasks::{Task, Tasks};
use crate::model::values::key;
use profiler_core::site::Kind;

use super::selection::Selection;
use super::{Request, Requests};

/// Records requests while threads are read, in any order.
#[derive(Default)]
pub(in crate::model) struct RequestBook {
    requests: Requests,
    selection: Selection,
    /// Begin of the first request.
    first: Option<u64>,
}

impl RequestBook {
    /// Records the request of a guard.
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

    /// Returns all requests, including the futures'; none has its stages yet.
    pub(in crate::model) fn close(mut self, tasks: &Tasks) -> Requests {
        tasks.iter().filter(|task| task.site.kind() == Kind::Request).for_each(|task| self.task(&task));
        Requests { kept: self.selection.close(), ..self.requests }
    }
}
