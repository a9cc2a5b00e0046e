//! The events of a session: made on first use, used again as soon as they were read.
//!
//! Each context has its own, because CUDA records an event only in the context that made it. A pair
//! is free, with an open range, or waiting to be asked; the queues have no lock and as many places
//! as there can be pairs.

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

/// Pairs of events that a context has at most. A program that is further ahead of its GPU loses
/// times.
const MOST_PAIRS: usize = 4096;
/// Most contexts: one per device.
pub(super) const MOST_CONTEXTS: usize = 64;
/// Pairs that a range asks for in passing: more than it adds, so that waiting pairs do not pile up.
const IN_PASSING: usize = 2;
/// Time that the reference of a new context may take: its stream is empty.
const REFERENCE: Duration = Duration::from_micros(200);

/// All contexts of a session.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) number: u64,
    pub(super) cuda: &'static Driver,
    pub(super) contexts: Vec<Timed>,
    /// Contexts that cannot be timed.
    refused: Vec<Handle>,
    pub(super) losses: Losses,
}

/// A context in which ranges are timed.
#[derive(Debug)]
pub(super) struct Timed {
    pub(super) context: Handle,
    pub(super) device: c_int,
    /// Own stream: events on it wait for nothing.
    pub(super) stream: Handle,
    /// Reference event, from which all times of the context count.
    pub(super) reference: Handle,
    pub(super) began: Option<Sample>,
    pub(super) free: ArrayQueue<Pair>,
    pub(super) waiting: ArrayQueue<Waiting>,
    made: AtomicUsize,
    /// Number of open ranges.
    pub(super) open: AtomicUsize,
}

/// Two events.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) begin: Handle,
    pub(super) end: Handle,
}

/// Two events that will happen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) pair: Pair,
    number: u64,
}

/// A range that is being timed.
#[derive(Debug)]
pub(in crate::collect) struct Open {
    pub(super) pool: u64,
    place: usize,
    waiting: Waiting,
}

impl Pool {
    pub(super) fn new(number: u64, cuda: &'static Driver) -> Self {
        Self { number, cuda, contexts: Vec::new(), refused: Vec::new(), losses: Losses::default() }
    }

    /// Returns whether a range named a stream.
    pub(super) fn was_used(&self) -> bool {
        !self.contexts.is_empty() || self.losses.counted().total() > 0
    }

    /// Returns the context of a stream, where it is not known.
    pub(super) fn context(&self, stream: Handle, known: Option<Handle>) -> Option<Handle> {
        match known {
            Some(context) => Some(context),
            None => self.losses.ok(self.cuda.context_of(stream)),
        }
    }

    /// Returns the place of the context.
    pub(super) fn place(&self, context: Handle) -> Option<usize> {
        self.contexts.iter().position(|known| known.context == context)
    }

    /// Returns the place of the context, which is made ready if it is new.
    pub(super) fn admit(&mut self, context: Handle) -> Option<usize> {
        if let Some(place) = self.place(context) {
            return Some(place);
        }
        if self.contexts.len() >= MOST_CONTEXTS || self.refused.contains(&context) {
            self.losses.foreign.add();
            return None;
        }
        let cuda = self.cuda;
        match cuda.in_context(context, || cuda.beside_captures(|| Timed::new(cuda, context))).and_then(|new| new) {
            Ok(Some(timed)) => self.contexts.push(timed),
            Ok(None) => {
                self.refused.push(context);
                self.losses.foreign.add();
                return None;
            }
            Err(failure) => {
                self.losses.fail(failure);
                return None;
            }
        }
        Some(self.contexts.len() - 1)
    }

    /// Times the begin of a range of `site`, which has just begun on this thread.
    pub(super) fn open(&self, place: usize, site: &'static Site, stream: Handle) -> Option<Open> {
        let timed = self.contexts.get(place)?;
        let opened = self.cuda.in_context(timed.context, || {
            if self.cuda.is_capturing(stream) {
                self.losses.captured.add();
                return None;
            }
            self.ask_in_passing(timed);
            let pair = self.take(timed)?;
            let number = gpu_time::number();
            // CAST: there are few contexts.
            if !gpu_time::tie(site, number, place as u32, stream.0.addr()) {
                self.losses.buffer_full.add();
                self.give_back(timed, pair);
                return None;
            }
            // As late as possible: the program's work follows.
            if self.losses.ok(self.cuda.record(pair.begin, stream)).is_none() {
                self.give_back(timed, pair);
                return None;
            }
            Some(Waiting { pair, number })
        });
        let waiting = self.losses.ok(opened).flatten()?;
        // ORDERING: read under the lock that ends the session.
        timed.open.fetch_add(1, Ordering::Relaxed);
        Some(Open { pool: self.number, place, waiting })
    }

    /// Times the end of a range.
    pub(super) fn close(&self, open: Open, stream: Handle) {
        let Open { place, waiting, .. } = open;
        let Some(timed) = self.contexts.get(place) else { return };
        // ORDERING: see `open`.
        timed.open.fetch_sub(1, Ordering::Relaxed);
        let closed = self.cuda.in_context(timed.context, || {
            if self.cuda.is_capturing(stream) {
                self.losses.captured.add();
                return self.give_back(timed, waiting.pair);
            }
            match self.cuda.record(waiting.pair.end, stream) {
                Ok(()) => drop(timed.waiting.push(waiting)),
                Err(failure) => {
                    self.losses.fail(failure);
                    self.give_back(timed, waiting.pair);
                }
            }
            self.ask_in_passing(timed);
        });
        if self.losses.ok(closed).is_none() {
            self.give_back(timed, waiting.pair);
        }
    }

    /// Takes a pair that is free; its context is current.
    fn take(&self, timed: &Timed) -> Option<Pair> {
        if let Some(pair) = timed.free.pop() {
            return Some(pair);
        }
        // ORDERING: only the number matters.
        if timed.made.fetch_add(1, Ordering::Relaxed) >= MOST_PAIRS {
            timed.made.fetch_sub(1, Ordering::Relaxed);
            self.losses.exhausted.add();
            return None;
        }
        let made = self.losses.ok(self.cuda.beside_captures(|| Pair::new(self.cuda)));
        if made.is_none() {
            // ORDERING: as above.
            timed.made.fetch_sub(1, Ordering::Relaxed);
        }
        made
    }

    /// Gives a pair back: there is a place for each.
    fn give_back(&self, timed: &Timed, pair: Pair) {
        let _ = timed.free.push(pair);
    }

    /// Asks for the pairs that have waited longest, and records the times that have come in.
    fn ask_in_passing(&self, timed: &Timed) {
        if timed.waiting.is_empty() {
            return;
        }
        self.cuda.beside_captures(|| {
            for _ in 0..IN_PASSING {
                let Some(waiting) = timed.waiting.pop() else { return };
                match self.ask(timed, waiting) {
                    Some(measured) if gpu_time::write(measured) => {}
                    Some(_) => self.losses.buffer_full.add(),
                    None => return,
                }
            }
        });
    }

    /// Asks for the time between two events. `None` if they have not happened, and wait on, or if
    /// they failed.
    pub(super) fn ask(&self, timed: &Timed, waiting: Waiting) -> Option<Measured> {
        let Waiting { pair, number } = waiting;
        let measured = match self.cuda.has_happened(pair.end) {
            Ok(true) => self.measure(timed, pair),
            Ok(false) => {
                let _ = timed.waiting.push(waiting);
                return None;
            }
            Err(failure) => Err(failure),
        };
        self.give_back(timed, pair);
        let (begin_ns, length_ns) = self.losses.ok(measured)?;
        Some(Measured { number, begin_ns, length_ns })
    }

    fn measure(&self, timed: &Timed, pair: Pair) -> Result<(i64, u64), Failure> {
        let begin = self.cuda.elapsed_ns(timed.reference, pair.begin)?;
        let length = self.cuda.elapsed_ns(pair.begin, pair.end)?;
        Ok((begin, u64::try_from(length).unwrap_or(0)))
    }
}

impl Timed {
    /// Prepares the current context. `None` if it is not a device's primary one: others may be gone
    /// before their events.
    fn new(cuda: &Driver, context: Handle) -> Result<Option<Self>, Failure> {
        let Some(device) = cuda.retain(context)? else { return Ok(None) };
        let stream = cuda.new_stream().inspect_err(|_| cuda.release(device))?;
        let made = cuda.new_event().and_then(|reference| {
            let began = sample(cuda, reference, stream, REFERENCE);
            Ok((reference, began.inspect_err(|_| cuda.end_event(reference))?))
        });
        let (reference, began) = made.inspect_err(|_| {
            cuda.end_stream(stream);
            cuda.release(device);
        })?;
        Ok(Some(Self {
            context,
            device,
            stream,
            reference,
            began,
            free: ArrayQueue::new(MOST_PAIRS),
            waiting: ArrayQueue::new(MOST_PAIRS),
            made: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
        }))
    }
}

impl Pair {
    fn new(cuda: &Driver) -> Result<Self, Failure> {
        let begin = cuda.new_event()?;
        let end = cuda.new_event().inspect_err(|_| cuda.end_event(begin))?;
        Ok(Self { begin, end })
    }
}

/// Records an event on an empty stream and sees it happen. `None` if it takes longer than `most`.
pub(super) fn sample(cuda: &Driver, event: Handle, stream: Handle, most: Duration) -> Result<Option<Sample>, Failure> {
    let (began, before) = (Instant::now(), clock::ticks());
    cuda.record(event, stream)?;
    loop {
        if cuda.has_happened(event)? {
            return Ok(Some(Sample { before, after: clock::ticks() }));
        }
        if began.elapsed() > most {
            return Ok(None);
        }
        std::hint::spin_loop();
    }
}
