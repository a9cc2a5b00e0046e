//! Golden artifacts: scripted recordings write what they wrote before, byte for byte.
//!
//! Each scenario is a run of the program `golden` under a libc whose clock, process, host and boot
//! are made up (`still_double`), and every file that it writes is compared with `tests/golden`.
//! `PROFILER_GOLDEN=write` replaces the kept files, and a reviewer judges the difference.
//! `golden_support/text.rs` says what is left out.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::golden_support::Machine;
use flate2::read::GzDecoder;
use profiler_tests::double;
use profiler_tests::processes::{Ended, Outcome};

/// Expands to one test for each scenario that is a single run of the program.
macro_rules! scenarios {
    ($( $(#[$about:meta])* $test:ident = $scenario:literal $(with $variables:expr)?; )*) => {
        $( $(#[$about])* #[test] fn $test() {
            let machine = Machine::new();
            let variables: Vec<(&str, &str)> = Vec::new();
            $( let variables = [variables, $variables].concat(); )?
            machine.succeeds($scenario, &variables);
            machine.is_as($scenario);
        } )*
    };
}

scenarios! {
    ranges_with_all_that_they_carry = "nesting";
    traces_that_are_compressed = "nesting_gzip";
    arguments_of_a_programs_own = "arguments";
    guards_that_cross = "crossing";
    cpu_time_beside_wall_time = "cpu_time";
    requests_and_their_scopes = "requests";
    futures_on_lanes_and_their_polls = "tasks";
    futures_that_are_spooled = "tasks_spool";
    a_ring_that_overwrites_and_its_dump = "ring";
    schedules_of_iterations = "schedule";
    selected_stages = "selection";
    a_buffer_that_is_full = "losses";
    the_light_reports_alone = "timings";
    memory_of_host_and_devices = "memory";
    gpu_work_as_cupti_tells_it = "cupti" with gpu();
    cuda_calls_under_other_names = "cupti_names" with gpu();
    gpu_work_without_ranges = "cupti_alone" with gpu();
    gpu_time_by_events = "events" with gpu();
    the_capture_range_of_cuda = "capture" with [gpu(), vec![("CUDA_DOUBLE_LOG", "out/cuda.log")]].concat();
}

/// Debug builds write the same stacks every time; in a release build, inlined functions have no
/// address of their own.
#[test]
#[cfg(debug_assertions)]
fn call_stacks_and_flame_graphs() {
    let machine = Machine::new();
    machine.succeeds("stacks", &gpu());
    machine.is_as("stacks");
}

#[test]
#[cfg(debug_assertions)]
fn call_stacks_of_a_killed_process() {
    recovers("spool_stacks");
}

#[test]
fn what_an_nvtx_tool_is_shown() {
    let machine = Machine::new();
    let tool = double("nvtx_tool");
    let tool = [("NVTX_INJECTION64_PATH", tool.to_str().unwrap()), ("NVTX_TOOL_LOG", "out/nvtx.jsonl")];
    machine.succeeds("nvtx", &tool);
    machine.is_as("nvtx");
}

#[test]
fn a_spool_of_a_killed_process() {
    recovers("spool");
}

#[test]
fn arguments_in_a_spool_of_a_killed_process() {
    recovers("spool_arguments");
}

#[test]
fn a_spool_of_a_killed_ring() {
    recovers("spool_ring");
}

/// Clock of a recovery, an hour after the process was killed.
const LATER: [(&str, &str); 1] = [("STILL_AT", "3600000000000")];

fn recovers(scenario: &str) {
    let machine = Machine::new();
    machine.is_killed(scenario);
    machine.succeeds("recover", &LATER);
    machine.is_as(scenario);
}

#[test]
fn four_ranks_and_their_merged_trace() {
    let machine = Machine::new();
    let session = ("PROFILER_SESSION_ID", "job-7");
    for (rank, process) in [("0", "5000"), ("1", "5001"), ("2", "5002"), ("3", "5003")] {
        let rank = [("RANK", rank), ("LOCAL_RANK", rank), ("WORLD_SIZE", "4"), ("STILL_PID", process), session];
        machine.succeeds("rank", &rank);
    }
    machine.succeeds("merge", &[session]);
    machine.is_as("ranks");
}

/// Returns the variables of a machine with two devices and CUPTI.
fn gpu() -> Vec<(&'static str, &'static str)> {
    static CUPTI: LazyLock<PathBuf> = LazyLock::new(|| double("cupti_double"));
    vec![("CUDA_DOUBLE_DEVICES", "2"), ("PROFILER_CUPTI_LIB", CUPTI.to_str().unwrap())]
}

/// Returns the folder with the spool of a killed process, in the format of journal 0.1; its files
/// are compressed.
fn old_spool() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/spool-0.1")
}

#[test]
fn a_spool_of_journal_0_1_is_refused() {
    let machine = Machine::new();
    let session = machine.out().join("old");
    fs::create_dir_all(&session).unwrap();
    for entry in fs::read_dir(old_spool()).unwrap() {
        let path = entry.unwrap().path();
        let mut content = Vec::new();
        GzDecoder::new(fs::File::open(&path).unwrap()).read_to_end(&mut content).unwrap();
        fs::write(session.join(path.file_stem().unwrap()), content).unwrap();
    }
    let Outcome { ended, stderr, .. } = machine.run("recover", &LATER);
    assert_ne!(ended, Ended::Exit(0), "{stderr}");
    for said in ["version 0.1 (layout 3)", "reads 0.2 (layout 4)", "recover it with the version"] {
        assert!(stderr.contains(said), "{said}: {stderr}");
    }
    assert_eq!(fs::read_dir(&session).unwrap().count(), 2, "the spool is kept");
}
