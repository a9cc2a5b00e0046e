//! The end of a session's events: in the background, waiting events are asked for, then everything
//! is given back.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use profiler_core::hooks::gpu_time::Measured;
use profiler_trace::records::events::{EventContext, EventLog, EventLosses, Sample};
use profiler_trace::records::unavailable::Unavailable;

use super::pool::{Pool, Timed, sample};

/// Time that the background thread waits for the GPU, over all contexts.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Pause between two rounds of asking.
const PAUSE: Duration = Duration::from_micros(500);

/// Asks until everything has come in or patience is over.
pub(super) fn drain(pool: Pool, reason: Option<Unavailable>) -> EventLog {
    let deadline = Instant::now() + PATIENCE;
    let mut log = EventLog {
        reason,
        driver_version: pool.cuda.version(),
        devices: pool.cuda.devices().to_vec(),
        ..EventLog::default()
    };
    let mut left = 0;
    for timed in &pool.contexts {
        let device = u32::try_from(timed.device).unwrap_or(0);
        let mut context = EventContext { device, began: timed.began, ended: None };
        let drained = pool.cuda.in_context(timed.context, || {
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

/// Takes a second look at the device's clock: the two do not run equally fast.
fn last_sample(pool: &Pool, timed: &Timed, deadline: Instant) -> Option<(i64, Sample)> {
    let event = pool.cuda.new_event().ok()?;
    let most = deadline.saturating_duration_since(Instant::now()).min(Duration::from_millis(10));
    let ended = sample(pool.cuda, event, timed.stream, most).ok().flatten();
    let seen = ended.and_then(|sample| Some((pool.cuda.elapsed_ns(timed.reference, event).ok()?, sample)));
    pool.cuda.end_event(event);
    seen
}

/// Destroys all events but those of open ranges; returns how many had not happened.
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
