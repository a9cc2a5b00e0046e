//! `torch_profiler_activities` with a GPU: one side of the recording without the other.

#![allow(clippy::print_stdout)]

use profiler_runtime::config::Activities;
use profiler_runtime::{ProfilerConfig, profiled_stage, start_profile_with, stop_profile};
use profiler_tests::gpu::{Device, machine, make_context, perf, session};
use profiler_tests::{Trace, in_child, succeeded};
use tempfile::tempdir;

#[profiled_stage("transformer")]
fn transformer(device: &Device) {
    device.runtime_kernel(c"softmax", 7, 20_000);
}

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn recording() {
    if !in_child() {
        return;
    }
    make_context();
    let only_cuda = std::env::var("ACTIVITY").unwrap() == "CUDA";
    let activities = if only_cuda { Activities::CUDA } else { Activities::CPU };
    start_profile_with(ProfilerConfig::torch(perf()).torch_profiler_activities(activities)).unwrap();
    transformer(&Device::open());
    drop(stop_profile().unwrap().wait().unwrap());
}

/// D5: `["CUDA"]` records kernels and no ranges, `["CPU"]` ranges and no kernels, in trace and
/// tables.
#[test]
fn each_activity_is_recorded_without_the_other() {
    for (activity, stages, kernels) in [("CUDA", 0, 1), ("CPU", 1, 0)] {
        let folder = tempdir().unwrap();
        succeeded(machine("recording", folder.path()).env("ACTIVITY", activity));
        let session = session(folder.path());
        let trace = Trace::read(&session);
        assert_eq!((trace.count("transformer"), trace.count("softmax")), (stages, kernels), "{activity}");
        let summary = std::fs::read_to_string(session.join("summary_rank0.md")).unwrap();
        assert_eq!(summary.contains("transformer"), stages == 1, "{activity}: {summary}");
        assert!(trace.warnings().is_empty(), "{activity}: {:?}", trace.warnings());
    }
}
