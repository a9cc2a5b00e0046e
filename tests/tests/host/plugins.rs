//! Plugins with a copy of the runtime of their own (`src/bin/plugins.rs`, and Python): neither copy
//! disturbs the other, and a plugin stays loaded for as long as its session needs it.

#![allow(clippy::print_stderr)]

use std::fs;
use std::path::Path;
use std::process::Command;

use profiler_tests::processes::{self, Ended, Outcome};
use profiler_tests::{Bench, Trace, clean, double, manifest};

/// Iterations of the host and of the plugin.
const ITERATIONS: usize = 6;

fn run(bench: &Bench, story: &str) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plugins"));
    processes::run(clean(&mut command).arg(story).arg(bench.path()).arg(double("plugin")))
}

/// Returns the number of ranges of this name in the only session of this folder, and asserts how
/// the session ended.
fn count(base: &Path, name: &str, ended_by: &str) -> usize {
    let sessions: Vec<_> = fs::read_dir(base).unwrap().map(|session| session.unwrap().path()).collect();
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    assert_eq!(manifest(&sessions[0])["ended_by"], ended_by);
    Trace::read(&sessions[0]).count(name)
}

fn assert_both(bench: &Bench, ended_by: &str, outcome: &Outcome) {
    let counts = [("host", "host work"), ("plugin", "plugin_op")]
        .map(|(whose, name)| count(&bench.path().join(whose), name, ended_by));
    assert_eq!(counts, [ITERATIONS; 2], "{outcome:?}");
}

/// B8: two copies of the runtime both write, whichever watches for the end first.
#[test]
fn both_copies_write_however_the_process_ends() {
    for order in ["host first", "plugin first"] {
        for (ending, ended, ended_by) in [
            (libc::SIGTERM.to_string(), Ended::Signal(libc::SIGTERM), "signal"),
            (libc::SIGHUP.to_string(), Ended::Signal(libc::SIGHUP), "signal"),
            ("exit".to_owned(), Ended::Exit(0), "exit"),
            ("abort".to_owned(), Ended::Signal(libc::SIGABRT), "crash"),
        ] {
            let bench = Bench::alone_in_memory();
            let outcome = run(&bench, &format!("{order}, {ending}"));
            assert_eq!(outcome.ended, ended, "{order}, {ending}: {outcome:?}");
            assert_both(&bench, ended_by, &outcome);
        }
    }
}

/// G8: the session of an unloaded plugin goes on, and is written.
#[test]
fn an_unloaded_plugin_stays_for_its_session() {
    let term = libc::SIGTERM;
    for (ending, ended, ended_by) in
        [("exit".to_owned(), Ended::Exit(0), "exit"), (term.to_string(), Ended::Signal(term), "signal")]
    {
        let bench = Bench::alone_in_memory();
        let outcome = run(&bench, &format!("unloaded, {ending}"));
        assert_eq!(outcome.ended, ended, "{outcome:?}");
        assert_eq!(count(&bench.path().join("plugin"), "plugin_op", ended_by), ITERATIONS + 1);
    }
}

/// G8: a library that is loaded again has each of its sites once.
#[test]
fn a_plugin_can_be_loaded_again() {
    let bench = Bench::alone_in_memory();
    let outcome = run(&bench, "loaded again, exit");
    assert_eq!(outcome.ended, Ended::Exit(0), "{outcome:?}");
    assert_eq!(count(&bench.path().join("plugin"), "plugin_op", "stop"), 2 * ITERATIONS);
}

/// B1: a child of Python's `os.fork`, the usual origin of such children, leaves its parent alone.
#[test]
fn a_child_of_pythons_fork_leaves_its_parent_alone() {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("not tried: there is no `python3`");
        return;
    }
    const PROGRAM: &str = r#"
import ctypes, os, sys, threading, time
library, folder, ending = sys.argv[1:]
plugin = ctypes.CDLL(library)
plugin.plugin_start.argtypes = [ctypes.c_char_p]
assert plugin.plugin_start(os.path.join(folder, "parent").encode()) == 0
plugin.plugin_work(10)
over = False
def busy():
    while not over:
        time.sleep(0.0005)
        plugin.plugin_sites()
thread = threading.Thread(target=busy)
thread.start()
child = os.fork()
if child == 0:
    plugin.plugin_work(5)
    if ending == "own session":
        assert plugin.plugin_start(os.path.join(folder, "child").encode()) == 0
        plugin.plugin_work(3)
        assert plugin.plugin_stop() == 0
        os._exit(0)
    if ending == "_exit":
        os._exit(0)
    over = True
    sys.exit(0)
deadline = time.monotonic() + 20
while (waited := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < deadline:
    time.sleep(0.002)
over = True
thread.join()
if waited[0] == 0:
    os.kill(child, 9)
    sys.exit("the child hangs")
plugin.plugin_work(7)
assert plugin.plugin_stop() == 0
sys.exit(waited[1])
"#;
    for ending in ["return", "_exit", "own session"] {
        let bench = Bench::alone_in_memory();
        let mut command = Command::new("python3");
        let outcome = processes::run(
            clean(&mut command).args(["-c", PROGRAM]).arg(double("plugin")).arg(bench.path()).arg(ending),
        );
        assert_eq!(outcome.ended, Ended::Exit(0), "{ending}: {outcome:?}");
        assert_eq!(count(&bench.path().join("parent"), "plugin_op", "stop"), 17, "{ending}: {outcome:?}");
        let has_own = ending == "own session";
        assert_eq!(bench.path().join("child").exists(), has_own);
        if has_own {
            assert_eq!(count(&bench.path().join("child"), "plugin_op", "stop"), 3);
        }
    }
}
