//! Runs a test in a process of its own: the test binary starts itself again for one ignored test.

use std::io::Read;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Variable that is set in the child, so that `cargo test -- --ignored` does not run the child's
/// part by accident.
const MARK: &str = "PROFILER_TESTS_CHILD";
/// Prefixes of environment variables that the profiler obeys and that the test machine may have
/// set.
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

/// Creates a command that runs the `#[ignore]`d test `name` of this binary in a process of its own.
/// The test is in the module of the test that calls this.
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

/// Runs the child, asserts that it succeeds, and returns its output.
pub fn succeeded(command: &mut Command) -> Output {
    let output = command.output().expect("the child runs");
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Makes a command start as from a user's terminal: without the variables that the profiler obeys,
/// and with the default effect of signals that `nohup` and a shell's background jobs ignore.
pub fn clean(command: &mut Command) -> &mut Command {
    for (variable, _) in std::env::vars_os() {
        if FOREIGN.iter().any(|foreign| variable.to_string_lossy().starts_with(foreign)) {
            command.env_remove(variable);
        }
    }
    #[cfg(unix)]
    default_signals(command);
    command
}

#[cfg(unix)]
fn default_signals(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;

    let reset = || {
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT] {
            // SAFETY: sets no handler.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        Ok(())
    };
    // SAFETY: system calls between fork and exec.
    unsafe { command.pre_exec(reset) };
}

/// Returns whether this process was started by [`child_of`].
pub fn in_child() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Returns a flag that becomes true when the standard input ends, because the parent process has
/// closed it or died.
pub fn input_ends() -> Arc<AtomicBool> {
    let has_ended = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&has_ended);
    thread::spawn(move || {
        let _ = std::io::stdin().read(&mut [0]);
        flag.store(true, Ordering::SeqCst);
    });
    has_ended
}
