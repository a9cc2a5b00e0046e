//! Programs that fork while they are profiled (`src/bin/forks.rs`): a child leaves its parent's
//! recording alone, and can have its own.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use profiler_runtime::spool::recover;
use profiler_runtime::{ProfilerConfig, profile_with, stage};
use profiler_tests::processes::{self, Ended, Outcome, listing};
use profiler_tests::{Bench, Trace, clean, manifest};

/// Iterations of the parent before and after the fork, and of a child.
const BEFORE: usize = 10;
const AFTER: usize = 7;
const IN_CHILD: usize = 5;

fn program(bench: &Bench, story: &str, threads: usize, spool: bool) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forks"));
    clean(&mut command).arg(story).arg(bench.path()).arg(threads.to_string()).args(spool.then_some("spool"));
    command
}

fn run(bench: &Bench, story: &str, threads: usize, spool: bool) -> Outcome {
    processes::run(&mut program(bench, story, threads, spool))
}

/// Returns the trace of the only session in this folder, and asserts how it ended.
fn only_trace(bench: &Bench, whose: &str, ended_by: &str) -> Trace {
    let base = bench.path().join(whose);
    let folders: Vec<_> = fs::read_dir(&base).unwrap().map(|folder| folder.unwrap().path()).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    assert_eq!(manifest(&folders[0])["ended_by"], ended_by);
    assert!(listing(&base).iter().all(|name| !name.contains("/.")), "{:?}", listing(&base));
    Trace::read(&folders[0])
}

/// Asserts that the parent's session has everything that the parent recorded, and nothing of the
/// child.
fn assert_parents(bench: &Bench, ranges: usize, ended_by: &str) {
    let trace = only_trace(bench, "parent", ended_by);
    assert_eq!(["parent work", "child work"].map(|name| trace.count(name)), [ranges, 0]);
    assert_eq!(["missing", "unfinished"].map(|what| trace.losses(what)), [0, 0]);
}

/// Asserts that the child's session has everything that the child recorded in it, and nothing of
/// the parent.
fn assert_of_child(bench: &Bench, ranges: usize, ended_by: &str) {
    let trace = only_trace(bench, "child", ended_by);
    assert_eq!(["child work", "parent work"].map(|name| trace.count(name)), [ranges, 0]);
    assert_eq!(["missing", "unfinished"].map(|what| trace.losses(what)), [0, 0]);
}

/// Runs a story alone and beside a hundred threads, in memory and with a spool.
fn each(story: &str, ended: Ended, check: impl Fn(&Bench, &Outcome)) {
    for (threads, spool) in [(0, false), (100, false), (0, true), (100, true)] {
        let bench = Bench::of_children();
        let outcome = run(&bench, story, threads, spool);
        let is_right = outcome.ended == Ended::Exit(0) && outcome.stdout.contains(&format!("child: {ended:?}\n"));
        assert!(is_right, "`{story}`, {threads} threads, spool: {spool}: {outcome:?}");
        assert_parents(&bench, BEFORE + AFTER, "stop");
        check(&bench, &outcome);
    }
}

/// Asserts that the child has left nothing but one warning.
fn nothing_else(bench: &Bench, outcome: &Outcome) {
    assert_eq!(fs::read_dir(bench.path()).unwrap().count(), 1);
    assert_eq!(outcome.stderr.matches("was forked off").count(), 1, "{}", outcome.stderr);
}

/// B1, B2: a child that returns or exits, at once or in the middle of its parent's session, changes
/// nothing in it.
#[test]
fn a_child_that_exits_leaves_its_parents_session_alone() {
    for story in ["return", "thread returns", "exit", "_exit"] {
        each(story, Ended::Exit(0), nothing_else);
    }
}

/// B1: a child that panics, executes another program or dies of a signal changes nothing either.
#[test]
fn a_child_that_ends_otherwise_leaves_its_parent_alone() {
    each("panic", Ended::Exit(101), nothing_else);
    each("exec", Ended::Exit(0), nothing_else);
    each("kill", Ended::Signal(libc::SIGKILL), nothing_else);
    each("term", Ended::Signal(libc::SIGTERM), nothing_else);
}

/// B1: a child has no session to stop, and programs that it starts change nothing.
#[test]
fn a_child_has_no_session_to_stop() {
    each("stop", Ended::Exit(0), nothing_else);
    each("spawn", Ended::Exit(0), nothing_else);
}

/// B1: a child of `clone`, which runs no fork handlers, detects by itself that it is a child.
#[test]
fn a_child_of_clone_leaves_its_parent_alone() {
    for story in ["clone", "clone, own session"] {
        let bench = Bench::of_children();
        let outcome = run(&bench, story, 0, false);
        assert!(outcome.ended == Ended::Exit(0) && outcome.stdout.contains("child: Exit(0)"), "{outcome:?}");
        assert_parents(&bench, BEFORE + AFTER, "stop");
        if story == "clone" {
            assert_eq!(fs::read_dir(bench.path()).unwrap().count(), 1);
        } else {
            assert_of_child(&bench, 2 * IN_CHILD, "exit");
        }
    }
}

/// G2: a child starts with fresh locks and fresh streams, and so does a child's child.
#[test]
fn a_child_can_have_a_session_of_its_own() {
    for story in ["own session", "double fork"] {
        each(story, Ended::Exit(0), |bench, _| assert_of_child(bench, 2 * IN_CHILD, "exit"));
    }
}

/// G17: a child starts its own thread that waits for signals.
#[test]
fn a_child_writes_its_own_session_on_sigterm() {
    let ended = Ended::Signal(libc::SIGTERM);
    each("own session, term", ended, |bench, _| assert_of_child(bench, IN_CHILD, "signal"));
}

/// B1: a session that was started before a program became a daemon belongs to the first process.
#[test]
fn a_session_before_daemonising_is_written_by_the_parent() {
    for spool in [false, true] {
        let bench = Bench::of_children();
        let outcome = run(&bench, "daemonise", 0, spool);
        assert!(outcome.ended == Ended::Exit(0), "{outcome:?}");
        assert_parents(&bench, BEFORE, "exit");
        nothing_else(&bench, &outcome);
    }
}

/// B1: a configuration from before the fork applies in the child.
#[test]
fn a_worker_starts_with_the_configuration_of_its_parent() {
    let bench = Bench::of_children();
    let outcome = run(&bench, "configured", 0, false);
    assert!(outcome.stdout.contains("child: Exit(0)"), "{outcome:?}");
    assert_of_child(&bench, IN_CHILD, "exit");
}

/// B3: a child does not keep its dead parent's session marked as running.
#[test]
fn a_killed_parent_is_recovered_while_its_child_lives() {
    let bench = Bench::of_children();
    let mut command = program(&bench, "parent is killed", 0, true);
    let ended = processes::wait(&mut command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    assert_eq!(ended, Ended::Signal(libc::SIGKILL));
    let child: i32 = fs::read_to_string(bench.path().join("child")).unwrap().parse().unwrap();
    let recovered = recover(bench.path().join("parent"));
    // SAFETY: the child runs until it is killed.
    assert_eq!(unsafe { libc::kill(child, libc::SIGKILL) }, 0, "the child lives");
    let recovered = recovered.unwrap();
    assert!(recovered.running.is_empty() && recovered.sessions.len() == 1, "{recovered:?}");
    assert_parents(&bench, BEFORE, "recovered");
}

/// B1: a child keeps none of its parent's ports open.
#[test]
fn a_port_is_free_although_a_child_lives() {
    let outcome = run(&Bench::of_children(), "listens", 0, false);
    assert_eq!(outcome.stdout, "http: Ok(true)\njob: Ok(true)\n", "{}", outcome.stderr);
}

/// B1: a worker notices that its coordinator was killed, although a child of the coordinator lives.
#[test]
fn a_killed_coordinator_is_gone_although_its_child_lives() {
    let bench = Bench::of_children();
    let mut command = program(&bench, "coordinator is killed", 0, false);
    let mut coordinator = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(coordinator.stdout.take().unwrap()).lines().map(Result::unwrap);
    let address = lines.next().unwrap();
    let mut worker = TcpStream::connect(address.strip_prefix("tcp://").unwrap()).unwrap();
    worker.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let hello = r#"{"protocol":1,"name":"w","rank":0,"stage":0,"pid":1,"host":"h","local_rank":0,"token":"secret"}"#;
    writeln!(worker, "{hello}").unwrap();
    let (mut worker, mut said) = (BufReader::new(worker), String::new());
    worker.read_line(&mut said).unwrap();
    assert!(said.starts_with(r#"{"welcome""#), "{said}");
    lines.next().expect("has joined, and there is a child");
    coordinator.kill().unwrap();
    said.clear();
    worker.read_to_string(&mut said).expect("the connection ends");
    assert_eq!(said, "");
    coordinator.wait().unwrap();
}

/// B9: the next start deletes the folder of a program that became another by `exec`, or takes it
/// over if ranks share its name.
#[test]
fn a_program_that_becomes_another_leaves_no_empty_folder() {
    for job in [None, Some("job")] {
        let bench = Bench::of_children();
        let mut command = program(&bench, "becomes another", 0, false);
        let outcome = processes::run(command.envs(job.map(|job| ("PROFILER_SESSION_ID", job))));
        assert_eq!(outcome.ended, Ended::Exit(0), "{outcome:?}");
        assert_parents(&bench, AFTER, "stop");
        assert!(job.is_none_or(|job| bench.path().join("parent").join(job).exists()), "{outcome:?}");
    }
}

/// B9: `recover` deletes the folder of a program that became another, and keeps those of live
/// processes.
#[test]
fn recover_deletes_only_folders_whose_process_is_gone() {
    let bench = Bench::alone();
    let base = bench.path().join("parent");
    let alive = profile_with(ProfilerConfig::torch(&base)).unwrap();
    assert_eq!(run(&bench, "becomes true", 0, false).ended, Ended::Exit(0));
    fs::create_dir(base.join("somebody's")).unwrap();
    let count = || fs::read_dir(&base).unwrap().count();
    assert_eq!(count(), 3);
    assert!(recover(&base).unwrap().sessions.is_empty());
    assert_eq!(count(), 2, "{:?}", listing(&base));
    fs::remove_dir(base.join("somebody's")).unwrap();
    drop(stage!("parent work"));
    alive.finish().unwrap().unwrap();
    assert_parents(&bench, 1, "stop");
}

/// B9: the spool of a program that became another by `exec` is recovered.
#[test]
fn a_spool_of_a_program_that_became_another_is_recovered() {
    let bench = Bench::of_children();
    assert_eq!(run(&bench, "becomes true", 0, true).ended, Ended::Exit(0));
    assert_eq!(recover(bench.path().join("parent")).unwrap().sessions.len(), 1);
    assert_parents(&bench, BEFORE, "recovered");
}
