//! The CUDA API calls of a thread, merged with its ranges: both are slices of the same track, so
//! their begins and ends must be in order.

use crate::export::events::calls::Call;
use crate::export::trace::buffer::FULL;
use crate::model::{CudaApiNames, PlacedCall, Trace};

use super::gpu::flow_id;
use super::open::OpenSlices;
use super::schema::event;
use super::sequence::Sequence;

/// Calls of a thread that have not been written yet.
pub(super) struct Calls<'a> {
    trace: &'a Trace,
    remaining: &'a [PlacedCall],
    open: OpenSlices,
}

/// Returns the calls of all threads, grouped by thread.
fn all(trace: &Trace) -> &[PlacedCall] {
    trace.gpu.as_ref().map_or(&[], |gpu| &gpu.calls)
}

/// Returns the operating system's ids of the threads with calls.
pub(super) fn callers(trace: &Trace) -> impl Iterator<Item = u32> {
    let by_thread = all(trace).chunk_by(|one, other| one.call.thread == other.call.thread);
    by_thread.filter_map(|calls| calls.first()).map(|first| first.call.thread)
}

impl<'a> Calls<'a> {
    /// Creates the list of a thread's calls; empty if the GPU was not recorded.
    pub(super) fn new(trace: &'a Trace, os_id: u64) -> Self {
        let calls = all(trace);
        let from = calls.partition_point(|placed| u64::from(placed.call.thread) < os_id);
        let to = calls.partition_point(|placed| u64::from(placed.call.thread) <= os_id);
        Self { remaining: &calls[from..to], ..Self::empty(trace) }
    }

    /// Creates an empty list.
    pub(super) fn empty(trace: &'a Trace) -> Self {
        Self { trace, remaining: &[], open: OpenSlices::default() }
    }

    /// Returns the number of remaining calls.
    pub(super) const fn count(&self) -> u64 {
        self.remaining.len() as u64
    }

    /// Returns the start of the first remaining call; `u64::MAX` if there is none.
    pub(super) fn begin(&self) -> u64 {
        self.remaining.first().map_or(u64::MAX, |placed| placed.call.begin)
    }

    /// Appends everything before a range's begin or end at `at`. Returns false if the page became
    /// full. No call encloses a range, so a call that begins at the same time comes later, and one
    /// that ends at the same time comes earlier.
    // Called before every edge, nearly always without a call.
    #[inline(always)]
    pub(super) fn until(&mut self, sequence: &mut Sequence, page: &mut Vec<u8>, at: u64) -> bool {
        (self.remaining.is_empty() && self.open.is_empty()) || self.push_until(sequence, page, at)
    }

    #[inline(never)]
    fn push_until(&mut self, sequence: &mut Sequence, page: &mut Vec<u8>, at: u64) -> bool {
        while page.len() < FULL {
            if let Some((end, track)) = self.open.end_next(self.begin().min(at)) {
                sequence.end(page, end, track);
            } else if let Some((placed, rest)) = self.remaining.split_first()
                && placed.call.begin < at
            {
                self.remaining = rest;
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
