//! Async ranges: a life from first poll to completion or drop, and a busy slice for every poll, on
//! any thread.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use profiler_runtime::{op, profiled_stage, profiled_step, start_profile_with, stop_profile};
use profiler_tests::tasks::{finish, poll};
use profiler_tests::{Bench, Slice, Trace};

/// Future that is pending this many times.
struct Pending(u32);

impl Future for Pending {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[profiled_stage("decode.chunk")]
async fn decode(waits: u32) -> u32 {
    drop(op!("before"));
    Pending(waits).await;
    drop(op!("after"));
    waits
}

/// Returns the only life of an async stage, and its polls.
fn life_and_polls(trace: &Trace, name: &str) -> (Slice, Vec<Slice>) {
    let (lives, polls): (Vec<_>, Vec<_>) =
        trace.named(name).into_iter().partition(|slice| slice.args["polls"].is_u64());
    assert_eq!(lives.len(), 1, "one life");
    (lives[0].clone(), polls)
}

#[test]
fn a_future_has_one_life_and_a_slice_for_every_poll() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config(), || assert_eq!(finish(decode(3)), 3));
    let (life, polls) = life_and_polls(&trace, "decode.chunk");
    assert_eq!((life.args["polls"].as_u64(), polls.len()), (Some(4), 4));
    assert!(polls.iter().all(|poll| poll.is_inside(&life)));
    assert!(trace.named("before")[0].is_inside(&polls[0]) && trace.named("after")[0].is_inside(&polls[3]));
    assert!(!life.is("cancelled") && !life.is("unfinished"));
}

#[test]
fn a_future_lives_from_its_first_poll_not_from_its_construction() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config(), || {
        let future = decode(0);
        drop(op!("constructed"));
        finish(future);
        drop(decode(0));
    });
    let (life, _) = life_and_polls(&trace, "decode.chunk");
    assert!(life.begin >= trace.named("constructed")[0].end);
}

#[test]
fn a_dropped_future_ends_where_it_was_dropped() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config(), || {
        let mut future = Box::pin(decode(9));
        assert!(poll(future.as_mut()).is_pending());
        drop(future);
        drop(op!("later"));
    });
    let (life, polls) = life_and_polls(&trace, "decode.chunk");
    assert!(life.is("cancelled"));
    assert_eq!(polls.len(), 1);
    assert!(life.end <= trace.named("later")[0].begin);
}

#[test]
fn a_future_that_stop_finds_alive_is_shown_up_to_there() {
    let bench = Bench::alone();
    let mut future = Box::pin(decode(9));
    start_profile_with(bench.config()).unwrap();
    assert!(poll(future.as_mut()).is_pending());
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    drop(future);
    let (life, _) = life_and_polls(&Trace::read(stopped.folder().unwrap()), "decode.chunk");
    assert!(life.is("unfinished"));
}

#[test]
fn a_future_may_be_polled_by_one_thread_after_another() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config(), || {
        let mut future = Box::pin(decode(2));
        for _ in 0..3 {
            future = thread::spawn(move || {
                let _ = poll(future.as_mut());
                future
            })
            .join()
            .unwrap();
        }
    });
    let (life, polls) = life_and_polls(&trace, "decode.chunk");
    assert_eq!(life.args["polls"], 3);
    let mut rows: Vec<u64> = polls.iter().map(|poll| poll.tid).collect();
    rows.dedup();
    assert_eq!(rows.len(), 3, "each poll is on the row of its thread");
    assert!(!rows.contains(&life.tid), "the life is on a row of its own");
}

#[profiled_step]
async fn request(index: u32) {
    let (one, other) = tokio::join!(decode(index), decode(index + 1));
    assert_eq!(one + 1, other);
}

#[test]
fn concurrent_futures_on_several_threads_keep_their_lives() {
    let bench = Bench::alone();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let trace = bench.record(bench.config(), || {
        let tasks: Vec<_> = (0..8).map(|index| runtime.spawn(request(index))).collect();
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
    let lives = trace.named("decode.chunk").into_iter().filter(|slice| slice.args["polls"].is_u64());
    let mut polls: Vec<u64> = lives.map(|life| life.args["polls"].as_u64().unwrap()).collect();
    polls.sort_unstable();
    let mut expected: Vec<u64> = (0..8).flat_map(|index| [index + 1, index + 2]).collect();
    expected.sort_unstable();
    assert_eq!(polls, expected, "a life has as many polls as its future had");
    assert_eq!(trace.losses("missing") + trace.losses("unfinished") + trace.losses("began_before"), 0);
}

#[test]
fn async_steps_drive_the_schedule() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config().delay_iterations(1).max_iterations(2), || {
        (0..5).for_each(|index| finish(request(index)));
    });
    let lives = trace.named("decode.chunk").into_iter().filter(|slice| slice.args["polls"].is_u64()).count();
    assert_eq!((trace.ended_by(), lives), ("iterations", 4), "two requests of two decodes");
}

#[profiler_runtime::profiled_op("described", shapes(input))]
fn boxed(input: &'static [f32]) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    let future = async move { input.len() };
    Box::pin(future)
}

#[test]
fn a_future_keeps_its_description_until_another_thread_polls_it() {
    let bench = Bench::alone();
    let trace = bench.record(bench.config().torch_profiler_record_shapes(true), || {
        let future = boxed(&[1.0; 4]);
        drop(op!("between"));
        thread::spawn(move || finish(future)).join().unwrap();
    });
    let (_, polls) = life_and_polls(&trace, "described");
    assert_eq!(polls[0].args["Input Dims"], serde_json::json!([[4]]));
    assert!(trace.named("between")[0].args["Input Dims"].as_array().is_none_or(Vec::is_empty));
}
