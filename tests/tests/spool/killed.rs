//! Recordings in a file: the ranges that a process had stored when it was killed, crashed or
//! aborted become artifacts.

#![allow(clippy::print_stdout)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use profiler_runtime::spool::recover;
use profiler_runtime::{ProfilerConfig, profiled_op, profiled_step, stage, start_profile_with, stop_profile};
use profiler_tests::spool::{config, only_folder, recovered, run, spool_files, with_spool};
use profiler_tests::{Bench, Trace, child_of, in_child, manifest};

#[profiled_op("leaf")]
#[inline(never)]
fn leaf() {}

#[profiled_step("iteration")]
fn iteration() {
    leaf();
}

/// Returns a configuration with which only the spool is left when the process ends.
fn spool_alone(bench: &Bench) -> serde_json::Value {
    let mut config = with_spool(bench);
    for hook in ["write_on_exit", "write_on_signal", "write_on_crash"] {
        config[hook] = false.into();
    }
    config
}

/// Number of calls: more than a chunk holds, and few enough to be written while a crash waits.
const LEAVES: usize = 2_500;

/// Records on three threads, and ends as `ENDING` says.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn dies() {
    if !in_child() {
        return;
    }
    // Leaves this thread in the middle of a chunk in memory, which would die with the process.
    start_profile_with(ProfilerConfig::cuda()).unwrap();
    leaf();
    stop_profile().unwrap().wait().unwrap();
    start_profile_with(config()).unwrap();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..LEAVES).for_each(|_| leaf()));
        }
    });
    (0..LEAVES).for_each(|_| leaf());
    iteration();
    let _open = stage("öpen \"stage\"");
    extern "C" fn cannot_unwind() {
        panic!("as with `panic = \"abort\"`");
    }
    match std::env::var("ENDING").unwrap().as_str() {
        "exit" => std::process::exit(0),
        "abort" => std::process::abort(),
        "panic" => cannot_unwind(),
        // SAFETY: unsound on purpose: nothing is mapped there, and the fault ends the process.
        "fault" => unsafe { std::ptr::without_provenance_mut::<u64>(64).write_volatile(1) },
        signal => {
            let kill = format!("kill -s {signal} {}", std::process::id());
            Command::new("sh").args(["-c", &kill]).status().unwrap();
            thread::sleep(Duration::from_secs(60));
        }
    }
}

#[test]
fn whatever_ends_the_process_every_range_is_recovered() {
    for (ending, signal) in [
        ("KILL", Some(9)),
        ("fault", Some(11)),
        ("TERM", Some(15)),
        ("abort", Some(6)),
        ("panic", Some(6)),
        ("exit", None),
    ] {
        let bench = Bench::of_children();
        assert_eq!(run("dies", ending, &spool_alone(&bench)), signal, "{ending}");
        let trace = recovered(bench.path());
        assert_eq!((trace.count("leaf"), trace.count("öpen \"stage\"")), (3 * LEAVES + 1, 1), "{ending}");
        assert_eq!(trace.step_numbers(), [0], "{ending}: the journal knows the loop that drives");
        assert_eq!((trace.losses("missing"), trace.losses("unfinished")), (0, 1), "{ending}");
        let leaves = trace.named("leaf");
        assert!(leaves.windows(2).filter(|pair| pair[0].tid == pair[1].tid).all(|pair| pair[0].end <= pair[1].begin));
        assert!(trace.seconds() < 60.0, "{ending}: {} s", trace.seconds());
    }
}

#[test]
fn what_a_dying_process_writes_leaves_nothing_to_recover() {
    for (ending, ended_by) in [("exit", "exit"), ("TERM", "signal"), ("abort", "crash")] {
        let bench = Bench::alone_in_memory();
        run("dies", ending, &with_spool(&bench));
        let folder = only_folder(bench.path());
        assert_eq!(manifest(&folder)["ended_by"], ended_by);
        assert_eq!(Trace::read(&folder).count("leaf"), 3 * LEAVES + 1, "{ending}");
        assert!(spool_files(&folder).is_empty() && recover(bench.path()).unwrap().sessions.is_empty(), "{ending}");
    }
}

/// Number of ranges that is more than the ring holds.
const ENOUGH: u64 = 100_000;

/// Records ranges and counts them in files, until it is killed.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn counts() {
    if !in_child() {
        return;
    }
    let config = config();
    let base = config.torch_profiler_dir.clone().unwrap();
    start_profile_with(config).unwrap();
    let files = [0, 1, 2].map(|thread| File::create(base.join(format!("count-{thread}"))).unwrap());
    let all = AtomicU64::new(0);
    thread::scope(|scope| {
        for file in files {
            let all = &all;
            scope.spawn(move || {
                for count in 1_u64.. {
                    leaf();
                    file.write_all_at(&count.to_le_bytes(), 0).unwrap();
                    if all.fetch_add(1, Ordering::Relaxed) == ENOUGH {
                        println!("enough");
                    }
                }
            });
        }
    });
}

#[test]
fn a_killed_process_loses_at_most_the_range_in_flight() {
    for ring in [false, true] {
        let bench = Bench::of_children();
        let mut config = with_spool(&bench);
        if ring {
            (config["ring"], config["max_spool_mb"]) = (true.into(), 2.into());
        }
        let mut child = child_of("counts");
        let mut child = child.env("CONFIG", config.to_string()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("enough")));
        child.kill().unwrap();
        child.wait().unwrap();
        let counted = |thread| {
            let bytes = fs::read(bench.path().join(format!("count-{thread}"))).unwrap();
            bytes.try_into().map_or(0, u64::from_le_bytes)
        };
        let counted: u64 = (0..3).map(counted).sum();
        let trace = recovered(bench.path());
        let found = trace.count("leaf") as u64 + trace.losses("overwritten") + trace.losses("missing");
        assert!((counted..=counted + 3).contains(&found), "ring: {ring}, {found} found, {counted} counted");
        assert_eq!(trace.losses("overwritten") > 0, ring);
    }
}

#[test]
fn an_ended_session_has_no_spool_and_a_living_one_keeps_it() {
    let bench = Bench::alone();
    let count = 50_000;
    // Leaves threads in the middle of chunks of an earlier session.
    bench.record(bench.config(), || drop(stage!("earlier")));
    start_profile_with(bench.config().spool(true)).unwrap();
    (0..count).for_each(|_| leaf());
    let found = recover(bench.path()).unwrap();
    assert_eq!((found.sessions.len(), found.running.len(), found.failed.len()), (0, 1, 0));
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    let trace = Trace::read(stopped.folder().unwrap());
    assert_eq!((trace.count("leaf"), trace.count("earlier"), trace.losses("missing")), (count, 0, 0));
    assert!(spool_files(stopped.folder().unwrap()).is_empty());
    let next = bench.record(bench.config(), || (0..count).for_each(|_| leaf()));
    assert_eq!(next.count("leaf"), count, "a session in memory after it");
}

#[test]
fn damaged_spools_give_what_is_left_or_an_error() {
    let bench = Bench::of_children();
    assert_eq!(run("dies", "KILL", &with_spool(&bench)), Some(9));
    let folder = only_folder(bench.path());
    let [entries, journal] = ["entries", "journal"].map(|name| folder.join(format!(".spool_rank0.{name}")));
    let (good_entries, good_journal) = (fs::read(&entries).unwrap(), fs::read(&journal).unwrap());
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % below
    };
    let (mut sessions, mut errors) = (0, 0);
    for case in 0..24 {
        let (mut bad_entries, mut bad_journal) = (good_entries.clone(), good_journal.clone());
        match case % 4 {
            0 => bad_entries.truncate(next(good_entries.len())),
            1 => bad_journal.truncate(next(good_journal.len())),
            2 => (0..40).for_each(|_| bad_journal[next(good_journal.len())] ^= 1 << (case % 8)),
            _ => (0..4_000).for_each(|_| bad_entries[next(good_entries.len())] ^= 0x55),
        }
        fs::write(&entries, &bad_entries).unwrap();
        fs::write(&journal, &bad_journal).unwrap();
        let found = recover(&folder).unwrap();
        assert_eq!(found.sessions.len() + found.failed.len(), 1, "case {case}");
        if found.sessions.is_empty() {
            let error = found.failed[0].to_string();
            assert!(error.starts_with("cannot recover `") && !error.contains("panicked"), "case {case}: {error}");
            errors += 1;
        } else {
            let trace = Trace::read(&folder);
            assert!(trace.json["traceEvents"].is_array(), "case {case}");
            sessions += 1;
        }
    }
    assert!(sessions > 5 && errors > 0, "{sessions} sessions, {errors} errors");
}

#[test]
fn an_empty_folder_recovers_nothing_and_a_missing_one_fails() {
    let bench = Bench::alone();
    bench.record(bench.config(), leaf);
    let found = recover(bench.path()).unwrap();
    assert!(found.sessions.is_empty() && found.running.is_empty() && found.failed.is_empty());
    assert!(recover(bench.path().join("missing")).is_err());
}

/// G2: recovery refuses a pipe in place of the entries, and does not wait for it.
#[test]
fn a_pipe_in_the_place_of_a_spool_is_refused() {
    let bench = Bench::of_children();
    run("dies", "KILL", &spool_alone(&bench));
    let entries = only_folder(bench.path()).join(".spool_rank0.entries");
    fs::remove_file(&entries).unwrap();
    assert!(Command::new("mkfifo").arg(&entries).status().unwrap().success());
    let recovered = recover(bench.path()).unwrap();
    assert!(recovered.sessions.is_empty() && recovered.running.is_empty());
    assert!(recovered.failed[0].to_string().contains("is no file"), "{:?}", recovered.failed);
}
