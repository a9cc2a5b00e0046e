//! Collects the remaining event times when a session ends, in the background, then destroys the
//! events.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use profiler_core::hooks::gpu_time::Measured;
use profiler_trace::records::events::{EventContext, EventLog, EventLosses, Sample};
use profiler_trace::records::unavailable::Unavailable;

use super::pool::{Pool, TimedContext, sample};

/// Timeout for the remaining events, over all contexts.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);
/// Pause between two rounds of queries.
const PAUSE: Duration = Duration::from_micros(500);

/// Queries events until all are complete or the timeout has passed, then destroys them.
pub(super) fn drain(pool: Pool, reason: Option<Unavailable>) -> EventLog {
    let deadline = Instant::now() + TIMEOUT;
    let mut log = EventLog {
        reason,
        driver_version: pool.cuda.version(),
        devices: pool.cuda.devices().to_vec(),
        ..EventLog::default()
    };
    let mut unresolved = 0;
    for timed in &pool.contexts {
        let device = u32::try_from(timed.device).unwrap_or(0);
        let mut context = EventContext { device, began: timed.began, ended: None };
        let drained = pool.cuda.in_context(timed.context, || {
            pool.cuda.in_relaxed_capture_mode(|| {
                query_all(&pool, timed, deadline, &mut log.measured);
                context.ended = last_sample(&pool, timed, deadline);
            });
            destroy_events(&pool, timed)
        });
        unresolved += pool.losses.ok_or_count(drained).unwrap_or(0);
        log.contexts.push(context);
        pool.cuda.release(timed.device);
    }
    // ORDERING: the lock that ended the session orders this load after the ranges' updates.
    let open: usize = pool.contexts.iter().map(|timed| timed.open.load(Ordering::Relaxed)).sum();
    log.losses = EventLosses { unresolved, unfinished: open as u64, ..pool.losses.counted() };
    log
}

fn query_all(pool: &Pool, timed: &TimedContext, deadline: Instant, measured: &mut Vec<Measured>) {
    loop {
        for _ in 0..timed.pending.len() {
            if let Some(pending) = timed.pending.pop() {
                measured.extend(pool.query(timed, pending));
            }
        }
        if timed.pending.is_empty() || Instant::now() >= deadline {
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Samples the device's clock a second time, because it runs at a different rate than the host's.
fn last_sample(pool: &Pool, timed: &TimedContext, deadline: Instant) -> Option<(i64, Sample)> {
    let event = pool.cuda.new_event().ok()?;
    let timeout = deadline.saturating_duration_since(Instant::now()).min(Duration::from_millis(10));
    let ended = sample(pool.cuda, event, timed.stream, timeout).ok().flatten();
    let seen = ended.and_then(|sample| Some((pool.cuda.elapsed_ns(timed.reference, event).ok()?, sample)));
    pool.cuda.destroy_event(event);
    seen
}

/// Destroys all events but those of open ranges; returns the number of pairs that were pending.
fn destroy_events(pool: &Pool, timed: &TimedContext) -> u64 {
    let mut unresolved = 0;
    while let Some(pending) = timed.pending.pop() {
        unresolved += 1;
        let _ = timed.free.push(pending.pair);
    }
    while let Some(pair) = timed.free.pop() {
        pool.cuda.destroy_event(pair.begin);
        pool.cuda.destroy_event(pair.end);
    }
    pool.cuda.destroy_event(timed.reference);
    pool.cuda.destroy_stream(timed.stream);
    unresolved
}
