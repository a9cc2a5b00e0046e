//! Programs that end without a guard and without a stop: what they recorded is on disk, and they end as they would have.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{fs, ptr, thread};

use profiler_runtime::{profiled_stage, stage, start_profile, stop_profile};
use profiler_tests::{Bench, Trace, child_of, in_child, manifest};
use serde_json::json;

const RANGES: usize = 10_000;
/// What a crash may keep the process from ending is short, and machines are busy.
const RANGES_BEFORE_A_CRASH: usize = 500;

/// A program that records and then ends in the way that `ENDING` names.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn program() {
    if !in_child() {
        return;
    }
    let ending = std::env::var("ENDING").unwrap();
    // A shell ignores it for what it runs in the background, and a child inherits that.
    // SAFETY: the default action is no function.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
    if ending == "own handler" {
        install_own_handler();
    }
    start_profile().unwrap();
    let ranges: usize = std::env::var("RANGES").unwrap().parse().unwrap();
    for _ in 0..ranges {
        drop(stage!("work"));
    }
    let _open = stage!("open");
    match ending.as_str() {
        "exit" => std::process::exit(3),
        "exit after stop" => {
            drop(stop_profile().unwrap());
            std::process::exit(3)
        }
        "exit on another thread" => thread::spawn(|| std::process::exit(3)).join().unwrap(),
        "panic that may not unwind" => may_not_unwind(),
        "fault" => fault(),
        "stack overflow" => {
            overflow(0);
        }
        "fork" => fork_and_wait(),
        _ => wait_for_a_signal(),
    }
}

fn wait_for_a_signal() {
    println!("ready");
    thread::sleep(Duration::from_secs(60));
}

extern "C" fn may_not_unwind() {
    panic!("in a function that C calls");
}

#[profiled_stage]
fn fault() {
    // SAFETY: none; the test is about what happens then.
    unsafe { ptr::without_provenance_mut::<u8>(4096).write_volatile(1) };
}

fn overflow(depth: u64) -> u64 {
    let frame = [depth; 512];
    if std::hint::black_box(&frame)[0] == u64::MAX { 0 } else { overflow(depth + 1) + frame[1] }
}

/// A handler of the program's own, which ends it with a status of its own.
fn install_own_handler() {
    extern "C" fn exit_with_7(_: libc::c_int) {
        // SAFETY: `_exit` may be called in a handler.
        unsafe { libc::_exit(7) };
    }
    // SAFETY: the handler has the right signature.
    unsafe { libc::signal(libc::SIGTERM, exit_with_7 as extern "C" fn(libc::c_int) as libc::sighandler_t) };
}

/// A forked child must die of a signal like any process, and leave its parent alone.
fn fork_and_wait() {
    // SAFETY: the child calls nothing but `pause`.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            loop {
                libc::pause();
            }
        }
        let mut status = 0;
        libc::kill(child, libc::SIGTERM);
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGTERM);
    }
    drop(stop_profile().unwrap().wait().unwrap());
}

/// Runs the program; `signals` are sent one after the other once it is ready.
fn end(bench: &Bench, ending: &str, signals: &[libc::c_int], more: &serde_json::Value) -> ExitStatus {
    let crashes = ["panic that may not unwind", "fault", "stack overflow"];
    let is_crash = crashes.contains(&ending) || signals.contains(&libc::SIGABRT);
    let mut config = json!({"profiler": "torch", "torch_profiler_dir": bench.path()});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut command: Command = child_of("program");
    let ranges = if is_crash { RANGES_BEFORE_A_CRASH } else { RANGES };
    command.env("PROFILER_CONFIG", config.to_string()).env("ENDING", ending).env("RANGES", ranges.to_string());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    if !signals.is_empty() {
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        assert!(lines.map(Result::unwrap).any(|line| line.ends_with("ready")));
        for &signal in signals {
            // SAFETY: the child has not been waited for.
            assert_eq!(unsafe { libc::kill(child.id().cast_signed(), signal) }, 0);
        }
    }
    child.wait().unwrap()
}

fn sessions(base: &Path) -> Vec<PathBuf> {
    fs::read_dir(base).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// The only session: complete, and its manifest says how it ended.
fn assert_written(bench: &Bench, ended_by: &str) {
    let all = sessions(bench.path());
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(manifest(&all[0])["ended_by"], ended_by);
    let trace = Trace::read(&all[0]);
    let ranges = if ended_by == "crash" { RANGES_BEFORE_A_CRASH } else { RANGES };
    assert_eq!((trace.count("work"), trace.count("open")), (ranges, 1));
}

fn assert_not_written(bench: &Bench) {
    for session in sessions(bench.path()) {
        assert!(!session.join("manifest_rank0.json").exists(), "{session:?}");
    }
}

#[test]
fn process_exit_writes_what_was_recorded_on_whichever_thread_it_is_called() {
    for ending in ["exit", "exit on another thread"] {
        let bench = Bench::alone();
        assert_eq!(end(&bench, ending, &[], &json!({})).code(), Some(3), "{ending}");
        assert_written(&bench, "exit");
    }
}

#[test]
fn process_exit_waits_for_artifacts_that_are_being_written() {
    let bench = Bench::alone();
    assert_eq!(end(&bench, "exit after stop", &[], &json!({})).code(), Some(3));
    assert_written(&bench, "stop");
}

#[test]
fn a_signal_that_ends_the_program_writes_first_and_stays_the_programs_status() {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let bench = Bench::alone_in_memory();
        assert_eq!(end(&bench, "signal", &[signal], &json!({})).signal(), Some(signal));
        assert_written(&bench, "signal");
    }
}

#[test]
fn a_crash_writes_what_was_recorded_and_stays_a_crash() {
    for (ending, signal) in
        [("panic that may not unwind", libc::SIGABRT), ("fault", libc::SIGSEGV), ("stack overflow", libc::SIGABRT)]
    {
        let bench = Bench::alone_in_memory();
        assert_eq!(end(&bench, ending, &[], &json!({})).signal(), Some(signal), "{ending}");
        assert_written(&bench, "crash");
    }
    let bench = Bench::alone_in_memory();
    assert_eq!(end(&bench, "signal", &[libc::SIGABRT], &json!({})).signal(), Some(libc::SIGABRT), "sent by another");
    assert_written(&bench, "crash");
}

/// A signal that is sent to the process may be handled by any thread that lets it through.
#[test]
#[cfg(target_os = "linux")]
fn no_signal_is_handled_by_the_thread_that_acts_on_it() {
    let bench = Bench::alone();
    let config = json!({"profiler": "torch", "torch_profiler_dir": bench.path()});
    let mut command = child_of("program");
    command.env("PROFILER_CONFIG", config.to_string()).env("ENDING", "signal").env("RANGES", "1");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.map(Result::unwrap).any(|line| line.ends_with("ready")));
    let begin = Instant::now();
    // It names itself when it begins to run.
    let status = loop {
        let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap().map(|task| task.unwrap().path());
        let is_it = |task: &PathBuf| fs::read_to_string(task.join("comm")).unwrap().starts_with("profiler-signal");
        if let Some(task) = tasks.into_iter().find(is_it) {
            break fs::read_to_string(task.join("status")).unwrap();
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "there is no such thread");
        thread::sleep(Duration::from_millis(1));
    };
    let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap().trim();
    let blocked = u64::from_str_radix(blocked, 16).unwrap();
    for signal in [libc::SIGABRT, libc::SIGTERM, libc::SIGINT, libc::SIGSEGV] {
        assert!(blocked >> (signal - 1) & 1 == 1, "signal {signal}: {blocked:x}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn each_way_can_be_switched_off() {
    for (ending, signals, off) in [
        ("exit", &[][..], "write_on_exit"),
        ("signal", &[libc::SIGTERM], "write_on_signal"),
        ("panic that may not unwind", &[], "write_on_crash"),
    ] {
        let bench = Bench::alone();
        let start = Instant::now();
        end(&bench, ending, signals, &json!({off: false}));
        assert_not_written(&bench);
        assert!(start.elapsed() < Duration::from_secs(30), "nothing is waited for");
    }
}

#[test]
fn a_handler_of_the_programs_own_stays_in_charge() {
    let bench = Bench::alone();
    assert_eq!(end(&bench, "own handler", &[libc::SIGTERM], &json!({})).code(), Some(7));
    assert_not_written(&bench);
}

#[test]
fn a_forked_child_dies_of_its_signal_and_its_parent_records_on() {
    let bench = Bench::alone();
    assert!(end(&bench, "fork", &[], &json!({})).success());
    assert_written(&bench, "stop");
}
