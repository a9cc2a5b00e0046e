//! Findings of `doctor` on machines that have everything, or lack something. Each machine is a
//! process of its own.

#![allow(clippy::print_stdout)]

use profiler_runtime::{ProfilerConfig, doctor, stage, start_profile_with, stop_profile};
use profiler_tests::gpu::{calls, machine};
use profiler_tests::{in_child, succeeded};
use tempfile::tempdir;

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn examined() {
    if in_child() {
        println!("\n{}", doctor::diagnose());
    }
}

fn examine(variables: &[(&str, &str)]) -> String {
    let folder = tempdir().unwrap();
    String::from_utf8(succeeded(machine("examined", folder.path()).envs(variables.iter().copied())).stdout).unwrap()
}

#[test]
fn a_machine_with_everything_is_told_so() {
    let said = examine(&[]);
    for line in [
        "ok       driver         supports CUDA 12.8",
        "ok       devices        0 Double GPU (compute 9.0, 16384 MiB)",
        "ok       permission     kernels can be recorded",
        "ok       attached tool  none",
    ] {
        assert!(said.contains(line), "`{line}` is not in\n{said}");
    }
    let library = "ok       libcupti       CUDA 12.9's CUPTI (API 28), /";
    assert!(said.contains(library) && said.contains("libcupti_double.so") && !said.contains("missing"), "{said}");
}

/// E14, E18: the line follows forked workers, and what to try when a report has no kernels stands
/// below it.
#[test]
fn a_report_without_kernels_is_answered_below_the_line() {
    let said = examine(&[]);
    let (line, answers) = said.split_once("If its report has no kernels:").unwrap();
    assert!(line.contains(" --trace-fork-before-exec=true --cuda-graph-trace=node --capture-range="), "{line}");
    for answer in ["Record more steps", "`--capture-range`", "`--trace-fork-before-exec=true`"] {
        assert!(answers.contains(answer), "`{answer}` is not in\n{answers}");
    }
}

#[test]
fn what_is_missing_comes_with_its_remedy() {
    for (variable, value, says) in [
        (
            "CUDA_DOUBLE_DEVICES",
            "0",
            "missing  driver         the CUDA driver finds no device: see what `nvidia-smi` says",
        ),
        (
            "PROFILER_CUPTI_LIB",
            "/nothing",
            "missing  libcupti       `/nothing` cannot be used: /nothing: cannot open shared object file",
        ),
        ("CUPTI_DOUBLE_FAIL", "cuptiActivityEnable=35", "missing  permission     this user may not trace the GPU"),
        ("NSYS_PROFILING_SESSION_ID", "1", "missing  attached tool  `NSYS_PROFILING_SESSION_ID` is set"),
        ("NVTX_INJECTION64_PATH", "/nothing", "missing  NVTX           `NVTX_INJECTION64_PATH` names /nothing"),
    ] {
        let said = examine(&[(variable, value)]);
        assert!(said.contains(says), "`{says}` is not in\n{said}");
    }
}

#[test]
#[ignore = "run by the test below, as a process of its own"]
fn examined_while_a_session_records() {
    if in_child() {
        let folder = profiler_tests::gpu::perf();
        profiler_tests::gpu::make_context();
        start_profile_with(ProfilerConfig::torch(&folder)).unwrap();
        assert!(doctor::diagnose().records_kernels());
        let device = profiler_tests::gpu::Device::open();
        {
            let _stage = stage!("after");
            device.kernel(c"after", 7, 100);
        }
        let stopped = stop_profile().unwrap();
        stopped.wait().unwrap();
        let timing = profiler_tests::timing(stopped.folder().unwrap());
        assert_eq!(timing["gpu"]["gpu_ops"], 1);
    }
}

#[test]
fn a_session_that_records_is_not_disturbed() {
    let folder = tempdir().unwrap();
    succeeded(&mut machine("examined_while_a_session_records", folder.path()));
    let subscribed = calls(folder.path(), "cupti.log").iter().filter(|line| *line == "cuptiSubscribe").count();
    assert_eq!(subscribed, 1);
}
