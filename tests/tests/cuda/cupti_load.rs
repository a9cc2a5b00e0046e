//! CUPTI under load: many sessions, many threads, 10^5 kernels, and a buffer that is too small.
//! Each scenario is a process of its own, on a machine made of doubles.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use profiler_runtime::{ProfilerConfig, op, stage, start_profile_with, step, stop_profile};
use profiler_tests::gpu::{Device, calls, machine, make_context, perf, session};
use profiler_tests::{Trace, in_child, succeeded, timing};
use serde_json::Value;
use tempfile::tempdir;

/// Records sessions one after another while other threads launch kernels.
#[test]
#[ignore = "run by the test below, as a process of its own"]
fn many_sessions() {
    if !in_child() {
        return;
    }
    make_context();
    let device = Device::open();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for stream in 1..3 {
            let (device, done) = (&device, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let _stage = stage!("other_threads");
                    device.kernel(c"other", stream, 100);
                }
            });
        }
        for session in 0..6 {
            start_profile_with(ProfilerConfig::torch(perf().join(session.to_string()))).unwrap();
            for _ in 0..=session {
                let _stage = stage!("counted");
                device.kernel(c"counted", 7, 100);
            }
            stop_profile().unwrap().wait().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn every_session_has_its_own_kernels() {
    let folder = tempdir().unwrap();
    succeeded(&mut machine("many_sessions", folder.path()));
    for session in 0..6 {
        let place = folder.path().join("perf").join(session.to_string());
        let only = std::fs::read_dir(place).unwrap().next().unwrap().unwrap().path();
        let trace = Trace::read(&only);
        let kernels = trace.named("counted").iter().filter(|slice| slice.args.get("grid").is_some()).count();
        assert_eq!(kernels, session + 1, "session {session}");
        let timing = timing(&only);
        // A range that began before the session is not recorded, but its later kernels are.
        let nobodys = timing["gpu"]["unattributed"]["gpu_ops"].as_u64().unwrap();
        assert!(nobodys <= 4, "{}", timing["gpu"]);
    }
    let log = calls(folder.path(), "cupti.log");
    let count = |what: &str| log.iter().filter(|line| line.starts_with(what)).count();
    assert_eq!((count("cuptiSubscribe"), count("cuptiUnsubscribe")), (6, 6));
    assert_eq!(count("cuptiActivityRegisterCallbacks"), 1, "once in a process");
}

/// Launches kernels of four names on four streams, from four threads: 100,000, or as many as
/// `KERNELS` says.
#[test]
#[ignore = "run by the test below, as a process of its own"]
fn a_hundred_thousand_kernels() {
    if !in_child() {
        return;
    }
    make_context();
    let number = |name: &str, otherwise: u64| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let (mebibytes, each) = (number("MEBIBYTES", 256), number("KERNELS", 100_000) / 20);
    start_profile_with(ProfilerConfig::torch(perf()).max_buffer_mb(mebibytes)).unwrap();
    let device = Device::open();
    let names = [c"gemm", c"softmax", c"layer_norm", c"rope"];
    for _ in 0..5 {
        let _step = step!("denoise_step");
        std::thread::scope(|scope| {
            for (stream, name) in (7..).zip(names) {
                let device = &device;
                scope.spawn(move || {
                    let _stage = stage!("transformer");
                    let _op = op!("block");
                    for _ in 0..each {
                        device.kernel(name, stream, u64::from(stream) * 100);
                    }
                });
            }
        });
    }
    stop_profile().unwrap().wait().unwrap();
}

fn kernels(folder: &Path) -> (usize, Value) {
    let session = session(folder);
    let trace = Trace::read(&session);
    let events = trace.json["traceEvents"].as_array().unwrap();
    (events.iter().filter(|event| event["cat"] == "kernel").count(), timing(&session))
}

#[test]
fn a_hundred_thousand_kernels_of_four_threads_are_all_there() {
    let kept = std::env::var_os("PROFILER_TESTS_KEEP").map(PathBuf::from);
    let folder = tempdir().unwrap();
    let place = kept.as_deref().unwrap_or(folder.path());
    succeeded(machine("a_hundred_thousand_kernels", place).env("CUPTI_DOUBLE_ORDER", "reversed"));
    let (shown, timing) = kernels(place);
    assert_eq!(shown, 100_000);
    let gpu = &timing["gpu"];
    assert_eq!((&gpu["losses"]["dropped"], &gpu["losses"]["buffers"]), (&Value::from(0), &Value::from(0)));
    assert_eq!(gpu["unattributed"]["gpu_ops"], 0);
    // Streams 7 to 10 have 25,000 kernels each, of 100 ns times the stream's number, and may
    // overlap.
    let busy = gpu["gpu_busy_ns"].as_f64().unwrap() / 1e6;
    assert!((25.0..85.1).contains(&busy), "{busy}");
}

#[test]
fn kernels_without_room_are_counted() {
    for version in ["12.6", "12.9"] {
        let folder = tempdir().unwrap();
        let mut command = machine("a_hundred_thousand_kernels", folder.path());
        succeeded(command.env("MEBIBYTES", "4").env("KERNELS", "40000").env("CUPTI_DOUBLE_VERSION", version));
        let (shown, timing) = kernels(folder.path());
        assert!(shown > 0 && shown < 40_000, "two buffers hold fewer than {shown}");
        let losses = &timing["gpu"]["losses"];
        assert!(losses["buffers"].as_u64().unwrap() > 0, "{version}: {losses}");
        if version == "12.9" {
            assert!(losses["dropped"].as_u64().unwrap() > 0, "{version}: a refused buffer costs CUPTI its records");
        }
    }
}
