//! The CUDA API calls of a thread, between its ranges: they are slices of the same track, so begins
//! and ends of both have to be in order.

use crate::export::events::calls::Call;
use crate::export::trace::buffer::FULL;
use crate::model::{CudaApiNames, PlacedCall, Trace};

use super::gpu::flow_id;
use super::open::Open;
use super::schema::event;
use super::sequence::Sequence;

/// The calls that have not been written yet.
pub(super) struct Calls<'a> {
    trace: &'a Trace,
    left: &'a [PlacedCall],
    open: Open,
}

/// Returns the calls of all threads; each thread's are consecutive.
fn all(trace: &Trace) -> &[PlacedCall] {
    trace.gpu.as_ref().map_or(&[], |gpu| &gpu.calls)
}

/// Returns the threads that called, by the operating system's id.
pub(super) fn callers(trace: &Trace) -> impl Iterator<Item = u32> {
    let of_threads = all(trace).chunk_by(|one, other| one.call.thread == other.call.thread);
    of_threads.filter_map(|calls| calls.first()).map(|first| first.call.thread)
}

impl<'a> Calls<'a> {
    /// Creates the list of the calls of the thread with this id; empty if the GPU was not recorded.
    pub(super) fn of(trace: &'a Trace, os_id: u64) -> Self {
        let calls = all(trace);
        let from = calls.partition_point(|placed| u64::from(placed.call.thread) < os_id);
        let to = calls.partition_point(|placed| u64::from(placed.call.thread) <= os_id);
        Self { left: &calls[from..to], ..Self::none(trace) }
    }

    /// Creates an empty list.
    pub(super) fn none(trace: &'a Trace) -> Self {
        Self { trace, left: &[], open: Open::default() }
    }

    /// Returns how many calls are left.
    pub(super) const fn count(&self) -> u64 {
        self.left.len() as u64
    }

    /// Returns the begin of the first call that is left; `u64::MAX` if none is.
    pub(super) fn begin(&self) -> u64 {
        self.left.first().map_or(u64::MAX, |placed| placed.call.begin)
    }

    /// Appends what comes before a range that begins or ends at `at`; false if the page is full
    /// before that. No call encloses a range: one that begins at the same time comes after it, one
    /// that ends at the same time before it.
    // Before every edge, and nearly always without a call.
    #[inline(always)]
    pub(super) fn until(&mut self, sequence: &mut Sequence, page: &mut Vec<u8>, at: u64) -> bool {
        (self.left.is_empty() && self.open.is_empty()) || self.push_until(sequence, page, at)
    }

    #[inline(never)]
    fn push_until(&mut self, sequence: &mut Sequence, page: &mut Vec<u8>, at: u64) -> bool {
        while page.len() < FULL {
            if let Some((end, track)) = self.open.end_next(self.begin().min(at)) {
                sequence.end(page, end, track);
            } else if let Some((placed, rest)) = self.left.split_first()
                && placed.call.begin < at
            {
                self.left = rest;
                self.push(sequence, page, placed);
                self.open.begin(placed.call.end, 0);
            } else {
                return true;
            }
        }
        false
    }

    fn push(&self, sequence: &mut Sequence, page: &mut Vec<u8>, placed: &PlacedCall) {
        let Ok(gpu) = &self.trace.gpu else { return };
        sequence.event(page, placed.call.begin, event::BEGIN, |event| {
            event.describe(&Call::new(gpu, placed, CudaApiNames::Called));
            if placed.launched.is_some() {
                event.flow(flow_id(self.trace, placed.call.correlation));
            }
        });
    }
}
