//! Programs of `events.rs`, which run while a session records.

use std::ptr;
use std::time::Duration;

use profiler_runtime::cuda::{StreamRange, op_on, stage_on, step_on};
use profiler_runtime::{op_on, request, stage, stage_on, step_on};

use profiler_tests::gpu::streams::{Cuda, Stream};
use profiler_tests::gpu::{perf, session};

/// Number of ranges that exceeds the number of pairs of events.
pub(crate) const MANY: u64 = 5000;
/// Number of pairs of events.
pub(crate) const PAIRS: u64 = 4096;

/// Runs the story of this name, and returns the range that it leaves open.
pub(crate) fn story(scenario: &str, cuda: &Cuda, one: Stream, two: Stream) -> Option<StreamRange<'static>> {
    match scenario {
        "two streams" => two_streams(cuda, one, two),
        "far ahead" => (0..MANY).for_each(|_| {
            let _stage = stage_on!(one, "ahead");
            cuda.launch(one, 1);
        }),
        "in step" => (0..MANY).for_each(|_| {
            let _stage = stage_on!(one, "in_step");
            cuda.work(one, 1);
        }),
        "never done" | "done later" => {
            let _stage = stage_on!(one, "slow");
            cuda.launch(one, 700);
        }
        "captured" => {
            assert_eq!(cuda.capture(one.0, 0), 0);
            drop(stage_on!(one, "captured"));
        }
        "no context" => {
            assert_eq!(cuda.set_current(ptr::null_mut()), 0);
            drop(stage_on!(Stream(ptr::null_mut()), "nowhere"));
        }
        "other context" => {
            let mut context = ptr::null_mut();
            assert_eq!(cuda.other_context(&mut context, 0, 0), 0);
            let stream = cuda.stream();
            (0..2).for_each(|_| drop(stage_on!(stream, "elsewhere")));
            // The program destroys its own stream, because the test counts the streams that are
            // left.
            cuda.destroy(stream.0);
        }
        "two devices" => {
            cuda.enter(1);
            let _stage = stage_on!(Stream(ptr::null_mut()), "on_one");
            cuda.work(Stream(ptr::null_mut()), 40);
            std::thread::scope(|scope| {
                // This thread has no context of its own, but the stream knows its device.
                let on_zero = || {
                    let _stage = stage_on!(one, "on_zero");
                    cuda.work(one, 30);
                };
                drop(scope.spawn(on_zero));
            });
        }
        "left open" => return Some(stage_on!(one, "endless")),
        "fails" => {
            let _stage = stage_on!(one, "unlucky");
            cuda.work(one, 10);
        }
        other => panic!("no scenario `{other}`"),
    }
    None
}

fn two_streams(cuda: &Cuda, one: Stream, two: Stream) {
    let _request = request("r1");
    for index in 0..3 {
        let _step = step_on!(one, "denoise_step", index);
        let _stage = stage!("no_stream_of_its_own");
        let _transformer = stage_on!(one, "transformer");
        {
            let _op = op_on!(one, "attention", flops = 1000);
            cuda.work(one, 100);
        }
        cuda.work(one, 50);
    }
    let vae = stage_on(two, "vae.decode");
    drop(op_on(two, "nothing_on_it"));
    cuda.work(two, 400);
    drop(vae);
    drop(stage!("on_the_host"));
    drop(step_on(two, "named_at_run_time"));
}

/// Kills the process once the journal knows the timed device, if there is one.
pub(crate) fn die() {
    let by_events = std::env::var_os("CONFIG").is_none();
    let journal = session(perf().parent().unwrap()).join(".spool_rank0.journal");
    while by_events && !std::fs::read_to_string(&journal).unwrap().contains(" {\"events\":") {
        std::thread::sleep(Duration::from_millis(20));
    }
    // SAFETY: the call has no preconditions; the signal ends this process.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
}
