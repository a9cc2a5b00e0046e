//! The end of a session's events: in the background, what is still waiting is asked for, then everything is given back.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::collect::absent::Absent;
use crate::collect::gpu::Device;
use profiler_core::hooks::gpu_time::Measured;

use super::losses::EventLosses;
use super::pool::{Pool, Timed};

/// How long the background thread waits for the GPU, over all contexts.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Between two rounds of asking.
const PAUSE: Duration = Duration::from_micros(500);

/// A moment on the ranges' clock: it lies between these two ticks.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Sample {
    /// Just before.
    pub(crate) before: u64,
    /// And just after.
    pub(crate) after: u64,
}

/// One context, and how its device's clock relates to the ranges'.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct EventContext {
    /// The device's number.
    pub(crate) device: u32,
    /// The reference, where the device's time is 0.
    pub(crate) began: Option<Sample>,
    /// The device's time at the end, and when that was.
    pub(crate) ended: Option<(i64, Sample)>,
}

/// What events have measured.
#[derive(Debug, Default)]
pub(crate) struct EventLog {
    /// Why there is no more than this; none where it was asked for.
    pub(crate) reason: Option<Absent>,
    /// Version of CUDA that the driver supports: 12080 is 12.8.
    pub(crate) driver_version: u32,
    /// The machine's devices.
    pub(crate) devices: Vec<Device>,
    /// By the place that ties carry.
    pub(crate) contexts: Vec<EventContext>,
    /// What came in after the session; the rest is in the threads' streams.
    pub(crate) measured: Vec<Measured>,
    /// What is missing.
    pub(crate) losses: EventLosses,
}

/// Asks until everything has come in or patience is over.
pub(super) fn drain(pool: Pool, reason: Absent) -> EventLog {
    let deadline = Instant::now() + PATIENCE;
    let mut log = EventLog {
        reason: Some(reason),
        driver_version: pool.cuda.driver.version(),
        devices: pool.cuda.driver.devices(),
        ..EventLog::default()
    };
    let mut left = 0;
    for timed in &pool.contexts {
        let device = u32::try_from(timed.device).unwrap_or(0);
        let mut context = EventContext { device, began: timed.began, ended: None };
        let drained = pool.cuda.inside(timed.context, || {
            pool.cuda.beside_captures(|| {
                ask_all(&pool, timed, deadline, &mut log.measured);
                context.ended = last_sample(&pool, timed, deadline);
            });
            give_back(&pool, timed)
        });
        left += pool.losses.ok(drained).unwrap_or(0);
        log.contexts.push(context);
        pool.cuda.release(timed.device);
    }
    // ORDERING: the lock that ended the session was taken in between.
    let open: usize = pool.contexts.iter().map(|timed| timed.open.load(Ordering::Relaxed)).sum();
    log.losses = EventLosses { unresolved: left, unfinished: open as u64, ..pool.losses.counted() };
    log
}

fn ask_all(pool: &Pool, timed: &Timed, deadline: Instant, measured: &mut Vec<Measured>) {
    loop {
        for _ in 0..timed.waiting.len() {
            if let Some(waiting) = timed.waiting.pop() {
                measured.extend(pool.ask(timed, waiting));
            }
        }
        if timed.waiting.is_empty() || Instant::now() >= deadline {
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

/// A second look at the device's clock: the two do not run equally fast.
fn last_sample(pool: &Pool, timed: &Timed, deadline: Instant) -> Option<(i64, Sample)> {
    let event = pool.cuda.new_event().ok()?;
    let most = deadline.saturating_duration_since(Instant::now()).min(Duration::from_millis(10));
    let sample = Sample::of(pool.cuda, event, timed.stream, most).ok().flatten();
    let seen = sample.and_then(|sample| Some((pool.cuda.elapsed_ns(timed.reference, event).ok()?, sample)));
    pool.cuda.end_event(event);
    seen
}

/// Ends all events but those of open ranges; how many had not happened.
fn give_back(pool: &Pool, timed: &Timed) -> u64 {
    let mut left = 0;
    while let Some(waiting) = timed.waiting.pop() {
        left += 1;
        let _ = timed.free.push(waiting.pair);
    }
    while let Some(pair) = timed.free.pop() {
        pool.cuda.end_event(pair.begin);
        pool.cuda.end_event(pair.end);
    }
    pool.cuda.end_event(timed.reference);
    pool.cuda.end_stream(timed.stream);
    left
}
