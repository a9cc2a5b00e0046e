//! Owns a session's CUDA events, which are created on first use and reused once they were read.
//!
//! Each context has its own events, because CUDA records an event only in the context that created
//! it. A pair is free, in use by an open range, or pending. The queues are lock-free and have a
//! slot for every pair.

use std::ffi::c_int;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_queue::ArrayQueue;

use profiler_core::hooks::gpu_time::{self, Measured};
use profiler_core::{clock, site::Site};

use super::api::Handle;
use super::losses::Losses;
use crate::collect::cuda::driver::Driver;
use profiler_trace::records::events::{Failure, Sample};

/// Maximum number of event pairs in a context. A program that runs further ahead of its GPU loses
/// times.
const MAX_PAIRS: usize = 4096;
/// Maximum number of contexts: one per device.
pub(super) const MAX_CONTEXTS: usize = 64;
/// Number of pending pairs that a range queries: more than it adds, so that pending pairs do not
/// pile up.
const QUERIES_PER_RANGE: usize = 2;
/// Timeout for the reference event of a new context. Its stream is empty.
const REFERENCE_TIMEOUT: Duration = Duration::from_micros(200);

/// The events of a session.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) number: u64,
    pub(super) cuda: &'static Driver,
    pub(super) contexts: Vec<TimedContext>,
    /// Contexts that cannot be timed.
    refused: Vec<Handle>,
    pub(super) losses: Losses,
}

/// A context in which ranges are timed, and its events.
#[derive(Debug)]
pub(super) struct TimedContext {
    pub(super) context: Handle,
    pub(super) device: c_int,
    /// Stream of the pool, whose events wait for no other work.
    pub(super) stream: Handle,
    /// Event from which all times of the context are counted.
    pub(super) reference: Handle,
    pub(super) began: Option<Sample>,
    pub(super) free: ArrayQueue<Pair>,
    pub(super) pending: ArrayQueue<PendingPair>,
    /// Number of pairs created.
    created: AtomicUsize,
    /// Number of open ranges.
    pub(super) open: AtomicUsize,
}

/// The events at the begin and the end of a range.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) begin: Handle,
    pub(super) end: Handle,
}

/// A recorded pair that has not completed yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct PendingPair {
    pub(super) pair: Pair,
    number: u64,
}

/// The timing of an open range.
#[derive(Debug)]
pub(in crate::collect) struct OpenTiming {
    pub(super) pool: u64,
    context: usize,
    pending: PendingPair,
}

impl Pool {
    pub(super) fn new(number: u64, cuda: &'static Driver) -> Self {
        Self { number, cuda, contexts: Vec::new(), refused: Vec::new(), losses: Losses::default() }
    }

    /// Returns whether any range named a stream.
    pub(super) fn was_used(&self) -> bool {
        !self.contexts.is_empty() || self.losses.counted().total() > 0
    }

    /// Returns `known`, or asks the driver for the context of a stream.
    pub(super) fn context(&self, stream: Handle, known: Option<Handle>) -> Option<Handle> {
        match known {
            Some(context) => Some(context),
            None => self.losses.ok_or_count(self.cuda.context_of(stream)),
        }
    }

    /// Returns the index of a context in the pool.
    pub(super) fn index_of(&self, context: Handle) -> Option<usize> {
        self.contexts.iter().position(|known| known.context == context)
    }

    /// Returns the index of a context, after adding it if it is new.
    pub(super) fn add_context(&mut self, context: Handle) -> Option<usize> {
        if let Some(index) = self.index_of(context) {
            return Some(index);
        }
        if self.contexts.len() >= MAX_CONTEXTS || self.refused.contains(&context) {
            self.losses.foreign.add();
            return None;
        }
        let cuda = self.cuda;
        let created = cuda.in_context(context, || cuda.in_relaxed_capture_mode(|| TimedContext::new(cuda, context)));
        match created.and_then(|created| created) {
            Ok(Some(timed)) => self.contexts.push(timed),
            Ok(None) => {
                self.refused.push(context);
                self.losses.foreign.add();
                return None;
            }
            Err(failure) => {
                self.losses.count_failure(failure);
                return None;
            }
        }
        Some(self.contexts.len() - 1)
    }

    /// Records the first event of a range of `site` that has just begun on this thread.
    pub(super) fn open(&self, index: usize, site: &'static Site, stream: Handle) -> Option<OpenTiming> {
        let timed = self.contexts.get(index)?;
        let opened = self.cuda.in_context(timed.context, || {
            if self.cuda.is_capturing(stream) {
                self.losses.captured.add();
                return None;
            }
            self.query_some(timed);
            let pair = self.take_pair(timed)?;
            let number = gpu_time::number();
            // CAST: there are few contexts.
            if !gpu_time::tie(site, number, index as u32, stream.0.addr()) {
                self.losses.buffer_full.add();
                timed.recycle(pair);
                return None;
            }
            // Recorded as late as possible: the program's work follows.
            if self.losses.ok_or_count(self.cuda.record(pair.begin, stream)).is_none() {
                timed.recycle(pair);
                return None;
            }
            Some(PendingPair { pair, number })
        });
        let pending = self.losses.ok_or_count(opened).flatten()?;
        // ORDERING: read under the lock that ends the session.
        timed.open.fetch_add(1, Ordering::Relaxed);
        Some(OpenTiming { pool: self.number, context: index, pending })
    }

    /// Records the second event of a range.
    pub(super) fn close(&self, open: OpenTiming, stream: Handle) {
        let OpenTiming { context, pending, .. } = open;
        let Some(timed) = self.contexts.get(context) else { return };
        // ORDERING: see `open`.
        timed.open.fetch_sub(1, Ordering::Relaxed);
        let closed = self.cuda.in_context(timed.context, || {
            if self.cuda.is_capturing(stream) {
                self.losses.captured.add();
                return timed.recycle(pending.pair);
            }
            match self.cuda.record(pending.pair.end, stream) {
                Ok(()) => drop(timed.pending.push(pending)),
                Err(failure) => {
                    self.losses.count_failure(failure);
                    timed.recycle(pending.pair);
                }
            }
            self.query_some(timed);
        });
        if self.losses.ok_or_count(closed).is_none() {
            timed.recycle(pending.pair);
        }
    }

    /// Returns a free pair, or a new one. The context must be current.
    fn take_pair(&self, timed: &TimedContext) -> Option<Pair> {
        if let Some(pair) = timed.free.pop() {
            return Some(pair);
        }
        // ORDERING: only the count matters.
        if timed.created.fetch_add(1, Ordering::Relaxed) >= MAX_PAIRS {
            timed.created.fetch_sub(1, Ordering::Relaxed);
            self.losses.exhausted.add();
            return None;
        }
        let pair = self.losses.ok_or_count(self.cuda.in_relaxed_capture_mode(|| Pair::new(self.cuda)));
        if pair.is_none() {
            // ORDERING: as above.
            timed.created.fetch_sub(1, Ordering::Relaxed);
        }
        pair
    }

    /// Queries the oldest pending pairs and records the times of completed ones.
    fn query_some(&self, timed: &TimedContext) {
        if timed.pending.is_empty() {
            return;
        }
        self.cuda.in_relaxed_capture_mode(|| {
            for _ in 0..QUERIES_PER_RANGE {
                let Some(pending) = timed.pending.pop() else { return };
                match self.query(timed, pending) {
                    Some(measured) if gpu_time::write(measured) => {}
                    Some(_) => self.losses.buffer_full.add(),
                    None => return,
                }
            }
        });
    }

    /// Returns the time of a pair. Returns `None` for a pair that is still pending, which is queued
    /// again, and for one that failed.
    pub(super) fn query(&self, timed: &TimedContext, pending: PendingPair) -> Option<Measured> {
        let PendingPair { pair, number } = pending;
        let measured = match self.cuda.is_complete(pair.end) {
            Ok(true) => self.measure(timed, pair),
            Ok(false) => {
                let _ = timed.pending.push(pending);
                return None;
            }
            Err(failure) => Err(failure),
        };
        timed.recycle(pair);
        let (begin_ns, length_ns) = self.losses.ok_or_count(measured)?;
        Some(Measured { number, begin_ns, length_ns })
    }

    fn measure(&self, timed: &TimedContext, pair: Pair) -> Result<(i64, u64), Failure> {
        let begin = self.cuda.elapsed_ns(timed.reference, pair.begin)?;
        let length = self.cuda.elapsed_ns(pair.begin, pair.end)?;
        Ok((begin, u64::try_from(length).unwrap_or(0)))
    }
}

impl TimedContext {
    /// Prepares the current context. Returns `None` if it is not a device's primary context:
    /// another context may be destroyed before its events are.
    fn new(cuda: &Driver, context: Handle) -> Result<Option<Self>, Failure> {
        let Some(device) = cuda.retain(context)? else { return Ok(None) };
        let stream = cuda.new_stream().inspect_err(|_| cuda.release(device))?;
        let created = cuda.new_event().and_then(|reference| {
            let began = sample(cuda, reference, stream, REFERENCE_TIMEOUT);
            Ok((reference, began.inspect_err(|_| cuda.destroy_event(reference))?))
        });
        let (reference, began) = created.inspect_err(|_| {
            cuda.destroy_stream(stream);
            cuda.release(device);
        })?;
        Ok(Some(Self {
            context,
            device,
            stream,
            reference,
            began,
            free: ArrayQueue::new(MAX_PAIRS),
            pending: ArrayQueue::new(MAX_PAIRS),
            created: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
        }))
    }

    /// Makes a pair free again. The queue has a slot for each.
    fn recycle(&self, pair: Pair) {
        let _ = self.free.push(pair);
    }
}

impl Pair {
    fn new(cuda: &Driver) -> Result<Self, Failure> {
        let begin = cuda.new_event()?;
        let end = cuda.new_event().inspect_err(|_| cuda.destroy_event(begin))?;
        Ok(Self { begin, end })
    }
}

/// Records an event on an empty stream and waits for it. Returns `None` after `timeout`.
pub(super) fn sample(
    cuda: &Driver,
    event: Handle,
    stream: Handle,
    timeout: Duration,
) -> Result<Option<Sample>, Failure> {
    let (began, before) = (Instant::now(), clock::ticks());
    cuda.record(event, stream)?;
    loop {
        if cuda.is_complete(event)? {
            return Ok(Some(Sample { before, after: clock::ticks() }));
        }
        if began.elapsed() > timeout {
            return Ok(None);
        }
        std::hint::spin_loop();
    }
}
