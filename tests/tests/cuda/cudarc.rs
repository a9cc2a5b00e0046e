//! Feature `cudarc`: ranges on its streams, and its device memory, through the double of libcuda.
//! The program is a process of its own, because cudarc opens the library once.

use std::os::unix::fs::symlink;

use cudarc::driver::CudaContext;
use profiler_runtime::config::GpuTiming;
use profiler_runtime::cuda::{ReportedSlice, op_on, stage_on};
use profiler_runtime::{ProfilerConfig, stage_on, start_profile_with, stop_profile};
use profiler_tests::gpu::streams::{Cuda, Stream};
use profiler_tests::gpu::{machine, perf, session};
use profiler_tests::{Trace, in_child, succeeded, timing};
use tempfile::tempdir;

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn program() {
    if !in_child() {
        return;
    }
    let context = CudaContext::new(0).unwrap();
    let stream = context.new_stream().unwrap();
    let (double, raw) = (Cuda::open(), Stream(stream.cu_stream().cast()));
    let config = ProfilerConfig::torch(perf()).gpu_timing(GpuTiming::Events).torch_profiler_with_memory(true);
    start_profile_with(config).unwrap();
    {
        let _stage = stage_on!(&stream, "vae.decode");
        let latents = ReportedSlice::new(stream.alloc_zeros::<f32>(1024).unwrap());
        assert_eq!(latents.len(), 1024);
        double.work(raw, 250);
        let _op = op_on(&*stream, "named_at_run_time");
        double.work(raw, 50);
        let kept = ReportedSlice::new(stream.alloc_zeros::<u8>(100).unwrap()).into_inner();
        assert_eq!(kept.len(), 100);
    }
    // The stream's context counts, not the thread's.
    std::thread::scope(|scope| {
        let elsewhere = || {
            let stream = context.default_stream();
            let _stage = stage_on(&stream, "on_the_default_stream");
            double.pass(30_000);
        };
        drop(scope.spawn(elsewhere));
    });
    stop_profile().unwrap().wait().unwrap();
}

#[test]
fn ranges_on_its_streams_have_gpu_times_and_its_memory_is_shown() {
    let folder = tempdir().unwrap();
    let mut command = machine("program", folder.path());
    // cudarc opens this name first. It leads to the same file, so that only one double is loaded.
    symlink("libcuda.so.1", folder.path().join("libraries/libcuda.so")).unwrap();
    succeeded(&mut command);
    let session = session(folder.path());
    let timing = timing(&session);
    assert_eq!(timing["gpu"]["source"], "events");
    let stage = |name: &str| timing["stages"].as_array().unwrap().iter().find(|stage| stage["name"] == name).unwrap();
    for (name, ms, ranges) in [("vae.decode", 0.3, 2), ("on_the_default_stream", 0.03, 1)] {
        let elapsed = stage(name)["gpu_elapsed_ns"].as_f64().unwrap() / 1e6;
        assert!((elapsed - ms).abs() < 1e-6, "{name}: {elapsed}");
        assert_eq!(stage(name)["gpu_timed_ranges"], ranges);
    }
    let trace = Trace::read(&session);
    let events = trace.json["traceEvents"].as_array().unwrap();
    let memory = events.iter().filter(|event| event["name"] == "[memory]" && event["args"]["Device Type"] == 1);
    let bytes: Vec<_> = memory.map(|event| event["args"]["Bytes"].as_i64().unwrap()).collect();
    assert_eq!(bytes, [4096, 100, -100, -4096]);
    assert!(timing["gpu"]["losses"].as_object().unwrap().values().all(|count| *count == 0));
}
