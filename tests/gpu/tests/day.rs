//! The complete command, as on a machine with a GPU: on the doubles, and without a GPU.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::tempdir;

/// Maximum number of output files, and their maximum size.
const FILES: usize = 8;
const BYTES: u64 = 15 << 20;

/// Creates the quick command, without this machine's profiler configuration.
fn run(arguments: &[&str], out: &Path, bundle: Option<&Path>) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("run.sh");
    let mut command = Command::new("bash");
    command.arg(script).args(arguments).arg(out).args(bundle).env("GPU_QUICK", "1");
    for (variable, _) in std::env::vars_os() {
        let name = variable.to_string_lossy().into_owned();
        if ["PROFILER_", "CUDA_", "CUPTI_", "NSYS_", "NVTX_", "LD_LIBRARY_PATH"]
            .iter()
            .any(|each| name.starts_with(each))
        {
            command.env_remove(variable);
        }
    }
    command
}

/// Copies the program and the doubles into a folder, with their names in a build.
fn built(folder: &Path) -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_gpu_workload"));
    fs::copy(program, folder.join("gpu_workload")).unwrap();
    for library in ["libcuda_double.so", "libcupti_double.so", "libnvtx_tool.so"] {
        fs::copy(program.with_file_name("deps").join(library), folder.join(library)).unwrap();
    }
    folder.to_owned()
}

/// Runs a day that succeeds, and returns the steps' results.
fn steps(mut command: Command, out: &Path) -> Vec<Value> {
    let output = command.output().unwrap();
    let report = fs::read_to_string(out.join("report.md")).unwrap_or_default();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{report}");
    let files: Vec<_> = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).collect();
    assert!(files.len() <= FILES && files.iter().all(|bytes| *bytes <= BYTES), "{files:?}");
    let day: Value = serde_json::from_slice(&fs::read(out.join("figures.json")).unwrap()).unwrap();
    assert!(report.contains("| step | answers | time | result |"), "{report}");
    day["steps"].as_array().unwrap().clone()
}

#[test]
fn every_step_is_measured_on_the_doubles() {
    let (folder, out) = (tempdir().unwrap(), tempdir().unwrap());
    let mut command = run(&["doubles"], out.path(), None);
    command.env("GPU_DOUBLES", built(folder.path()));
    let steps = steps(command, out.path());
    let skipped: Vec<&Value> = steps.iter().filter(|step| step.get("skipped").is_some()).collect();
    // Nsight Systems has no double, so it is real or absent.
    assert!(skipped.iter().all(|step| step["step"] == "nsys"), "{skipped:?}");
    assert!(steps.len() >= 20 && out.path().join("records.txt.gz").exists());
}

#[test]
fn without_a_gpu_every_step_is_skipped_for_a_reason() {
    let (folder, out) = (tempdir().unwrap(), tempdir().unwrap());
    fs::create_dir(folder.path().join("bin")).unwrap();
    built(&folder.path().join("bin"));
    let steps = steps(run(&["measure"], out.path(), Some(folder.path())), out.path());
    for step in steps {
        assert!(step["skipped"].as_str().is_some_and(|why| why.contains("CUDA driver")), "{step}");
    }
}

#[test]
fn a_broken_limit_fails_the_day() {
    let (folder, out) = (tempdir().unwrap(), tempdir().unwrap());
    let mut command = run(&["doubles"], out.path(), None);
    command
        .env("GPU_DOUBLES", built(folder.path()))
        .env("GPU_ONLY", "versions")
        .env("CUPTI_DOUBLE_FAIL", "cuptiSubscribe=39");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("WRONG: CUPTI starts"), "{said}");
}
