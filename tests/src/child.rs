//! Tests that need a process of their own: the test binary runs itself again, for one ignored test.

use std::process::Command;

/// Set in the child, so that `cargo test -- --ignored` does not run its part by accident.
const MARK: &str = "PROFILER_TESTS_CHILD";
/// What the machine that runs the tests may have set, and the profiler would obey.
const FOREIGN: [&str; 17] = [
    "NVTX_INJECTION64_PATH",
    "PROFILER_CONFIG",
    "PROFILER_COORDINATOR",
    "PROFILER_COORDINATOR_TOKEN",
    "PROFILER_SESSION_ID",
    "PROFILER_STAGE_ID",
    "RANK",
    "WORLD_SIZE",
    "OMPI_COMM_WORLD_RANK",
    "SLURM_PROCID",
    "PMI_RANK",
    "JOB_COMPLETION_INDEX",
    "PMIX_NAMESPACE",
    "SLURM_JOB_ID",
    "SLURM_RESTART_COUNT",
    "TORCHELASTIC_RUN_ID",
    "VLLM_TORCH_PROFILER_DIR",
];

/// A command that runs the `#[ignore]`d test `name` of this binary in a process of its own.
pub fn child_of(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the test binary"));
    command.args(["--ignored", "--exact", "--nocapture", "--test-threads=1", name]).env(MARK, "1");
    for variable in FOREIGN {
        command.env_remove(variable);
    }
    command
}

/// Whether this process was started by [`child_of`].
pub fn in_child() -> bool {
    std::env::var_os(MARK).is_some()
}
