//! Tests that need a process of their own: the test binary runs itself again, for one ignored test.

use std::io::Read;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Set in the child, so that `cargo test -- --ignored` does not run its part by accident.
const MARK: &str = "PROFILER_TESTS_CHILD";
/// What the machine that runs the tests may have set, and the profiler would obey: variables that
/// begin so.
const FOREIGN: [&str; 15] = [
    "CUDA_INJECTION64_PATH",
    "JOB_COMPLETION_INDEX",
    "LOCAL_RANK",
    "MPI_LOCALRANKID",
    "NSYS_PROFILING_SESSION_ID",
    "NVTX_INJECTION",
    "OMPI_COMM_WORLD_",
    "PMI",
    "PROFILER_",
    "RANK",
    "SGLANG_",
    "SLURM_",
    "TORCHELASTIC_",
    "VLLM_",
    "WORLD_SIZE",
];

/// Returns a command that runs the `#[ignore]`d test `name` in a process of its own. It lies in the
/// module of the test that calls this.
pub fn child_of(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the test binary"));
    let path = beside(thread::current().name().expect("a test, whose thread has its path for a name"), name);
    let arguments = ["--ignored", "--exact", "--nocapture", "--test-threads=1", &path];
    clean(&mut command).args(arguments).env(MARK, "1");
    command
}

/// Returns the path of the test `name` in the module of `test`.
fn beside(test: &str, name: &str) -> String {
    test.rsplit_once("::").map_or_else(|| name.to_owned(), |(module, _)| format!("{module}::{name}"))
}

/// Runs the command without the variables that the profiler would obey.
pub fn clean(command: &mut Command) -> &mut Command {
    for (variable, _) in std::env::vars_os() {
        if FOREIGN.iter().any(|foreign| variable.to_string_lossy().starts_with(foreign)) {
            command.env_remove(variable);
        }
    }
    command
}

/// Returns whether this process was started by [`child_of`].
pub fn in_child() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Returns what becomes true when the standard input ends: whoever started this process has let go
/// of it.
pub fn input_ends() -> Arc<AtomicBool> {
    let is_over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_over);
    thread::spawn(move || {
        let _ = std::io::stdin().read(&mut [0]);
        told.store(true, Ordering::SeqCst);
    });
    is_over
}
