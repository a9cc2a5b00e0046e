//! Annotations of devices: on each stream, the span of everything that was launched inside a stage,
//! in both formats' rows. On a machine made of doubles.

use std::ffi::CStr;

use profiler_runtime::{ProfilerConfig, op, profiled_stage, stage, start_profile_with, step, stop_profile};
use profiler_tests::gpu::{Device, machine, make_context, perf, session};
use profiler_tests::{Slice, Trace, in_child, succeeded};
use tempfile::tempdir;

#[profiled_stage("task")]
async fn task(device: &Device, names: [&'static CStr; 2]) {
    {
        let _part = stage!("part");
        device.kernel(names[0], 30, 9_000);
    }
    tokio::task::yield_now().await;
    device.kernel(names[1], 30, 9_000);
}

/// Runs stages that launch through inner ranges, on several streams and threads, and tasks that
/// take turns.
#[test]
#[ignore = "run by the test below, as a process of its own"]
fn nested() {
    if !in_child() {
        return;
    }
    make_context();
    start_profile_with(ProfilerConfig::torch(perf())).unwrap();
    let device = Device::open();
    {
        let _outer = stage!("outer");
        for _ in 0..2 {
            let _step = step!("denoise_step");
            let _inner = stage!("inner");
            let _op = op!("linear");
            device.kernel(c"a", 7, 20_000);
            device.kernel(c"a", 13, 50_000);
        }
        let _op = op!("norm");
        device.kernel(c"a", 7, 5_000);
        let work = || {
            let _worker = stage!("worker");
            let _inner = stage!("worker.inner");
            device.kernel(c"b", 7, 3_000);
            device.kernel(c"b", 21, 3_000);
        };
        std::thread::scope(|scope| drop(scope.spawn(work)));
        device.kernel(c"a", 7, 1_000);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        tokio::join!(task(&device, [c"first", c"first"]), task(&device, [c"second", c"second"]));
    });
    stop_profile().unwrap().wait().unwrap();
}

/// Returns the first begin and the last end.
fn hull(slices: &[Slice]) -> (f64, f64) {
    let begin = slices.iter().map(|slice| slice.begin).fold(f64::MAX, f64::min);
    (begin, slices.iter().map(|slice| slice.end).fold(0.0, f64::max))
}

fn spans(trace: &Trace, name: &str) -> Vec<Slice> {
    let annotated = |slice: &Slice| slice.category == "gpu_user_annotation";
    trace.named(name).into_iter().filter(annotated).collect()
}

/// A14: `gpu_user_annotation` covers everything that the ranges inside a stage launched.
#[test]
fn an_annotation_spans_everything_launched_inside_its_stage() {
    let folder = tempdir().unwrap();
    succeeded(&mut machine("nested", folder.path()));
    let trace = Trace::read(&session(folder.path()));
    let kernels = |name: &str, stream: u64| -> Vec<Slice> {
        trace.named(name).into_iter().filter(|kernel| kernel.args["stream"] == stream).collect()
    };
    let times = |spans: Vec<Slice>| spans.iter().map(|span| (span.begin, span.end)).collect::<Vec<_>>();
    let mut outer = times(spans(&trace, "outer"));
    outer.sort_by(|one, other| one.0.total_cmp(&other.0));
    assert_eq!(outer, [hull(&kernels("a", 7)), hull(&kernels("a", 13))]);
    assert_eq!(spans(&trace, "denoise_step").len(), 4, "two steps on two streams");
    for kernel in kernels("a", 7)[..2].iter().chain(&kernels("a", 13)) {
        for name in ["denoise_step", "inner"] {
            let found = times(spans(&trace, name));
            assert!(found.contains(&(kernel.begin, kernel.end)), "{name}: {kernel:?} in {found:?}");
        }
    }
    for name in ["worker", "worker.inner"] {
        assert_eq!(times(spans(&trace, name)), [hull(&kernels("b", 7)), hull(&kernels("b", 21))], "{name}");
    }
    assert_eq!(times(spans(&trace, "task")), [hull(&kernels("first", 30)), hull(&kernels("second", 30))]);
    let ids: Vec<_> = spans(&trace, "task").iter().map(|span| span.args["External id"].clone()).collect();
    let lives = trace.json["traceEvents"].as_array().unwrap().iter().filter(|event| event["name"] == "task");
    let lives: Vec<_> = lives.filter(|event| event["args"].get("polls").is_some()).collect();
    for id in ids {
        assert!(lives.iter().any(|life| life["args"]["External id"] == id), "{id} in {lives:?}");
    }
    nest(&trace);
}

/// Asserts that annotations nest with the kernels on their row, to the nanosecond (A14).
fn nest(trace: &Trace) {
    let names =
        ["outer", "denoise_step", "inner", "worker", "worker.inner", "task", "part", "a", "b", "first", "second"];
    let on_device = |slice: &Slice| ["gpu_user_annotation", "kernel"].contains(&slice.category.as_str());
    let all: Vec<Slice> = names.iter().flat_map(|name| trace.named(name)).filter(on_device).collect();
    for one in &all {
        let on_row = all.iter().filter(|other| other.tid == one.tid);
        let crossing: Vec<_> = on_row
            .filter(|other| one.begin < other.begin && other.begin < one.end && one.end < other.end)
            .map(|other| &other.name)
            .collect();
        assert!(crossing.is_empty(), "{one:?} crosses {crossing:?}");
    }
}
