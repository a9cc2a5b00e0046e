//! The loss ledger while sessions start and stop under load: ranges inside a session belong to it,
//! and ranges outside belong to none.
//!
//! A range that runs across a start or a stop may belong to the session or not. Every thread
//! identifies those of its ranges by [`Phase`]. All others are determined.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::thread;
use std::time::Duration;

use profiler_runtime::{ProfilerConfig, start_profile_with, stop_profile};
use profiler_tests::ledger::{CHANGES, Id, THREADS, counted, described, found, ids, read};
use profiler_tests::{Bench, Trace};

const SESSIONS: usize = 5;
/// Phases of a session.
const STARTING: u64 = 1;
const ON: u64 = 2;
const STOPPING: u64 = 3;

/// Current phase: four numbers per session, the first for the time before it starts.
struct Phase(AtomicU64);

impl Phase {
    fn next(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
        // A thread that sees the old phase after this has written its entry before, because the
        // fences order both.
        fence(Ordering::SeqCst);
    }

    fn now(&self) -> u64 {
        fence(Ordering::SeqCst);
        self.0.load(Ordering::SeqCst)
    }
}

/// Ranges of one session.
#[derive(Clone, Default)]
struct Made {
    /// Number of ranges that it must have.
    inside: BTreeSet<u64>,
    /// Number of ranges that it may have.
    across: BTreeSet<u64>,
}

/// Threads that record while sessions start and stop.
struct Load {
    phase: Phase,
    next: AtomicU64,
    /// Number of ranges inside each session so far.
    progress: [AtomicU64; SESSIONS],
    over: AtomicBool,
}

impl Load {
    fn new() -> Self {
        let progress = [const { AtomicU64::new(0) }; SESSIONS];
        Self { phase: Phase(AtomicU64::new(0)), next: AtomicU64::new(1), progress, over: AtomicBool::new(false) }
    }

    /// Records until the load ends, on short-lived threads if required.
    fn run(&self, on_short_threads: bool) -> Vec<Made> {
        let mut made = vec![Made::default(); SESSIONS];
        while !self.over.load(Ordering::Relaxed) {
            if on_short_threads {
                thread::scope(|scope| drop(scope.spawn(|| self.batch(&mut made))));
            } else {
                self.batch(&mut made);
            }
            // Other threads must run too.
            thread::sleep(Duration::from_micros(20));
        }
        made
    }

    fn batch(&self, made: &mut [Made]) {
        for _ in 0..32 {
            let id = self.next.fetch_add(1, Ordering::Relaxed);
            let before = self.phase.now();
            counted(Id(id));
            let after = self.phase.now();
            for (session, made) in made.iter_mut().enumerate() {
                let first = session as u64 * 4;
                if (before, after) == (first + ON, first + ON) {
                    made.inside.insert(id);
                    self.progress[session].fetch_add(1, Ordering::Relaxed);
                } else if before <= first + STOPPING && after >= first + STARTING {
                    made.across.insert(id);
                }
            }
        }
    }

    /// Runs one session after the other, each until `ranges` ranges have run inside it.
    fn sessions(&self, config: impl Fn() -> ProfilerConfig, ranges: u64) -> (Vec<Trace>, Vec<Made>) {
        let mut all = vec![Made::default(); SESSIONS];
        let mut stopped = Vec::new();
        thread::scope(|scope| {
            let threads: [_; THREADS] = [false, false, true].map(|short| scope.spawn(move || self.run(short)));
            for progress in &self.progress {
                self.phase.next();
                start_profile_with(config()).unwrap();
                self.phase.next();
                while progress.load(Ordering::Relaxed) < ranges {
                    thread::sleep(Duration::from_micros(200));
                }
                self.phase.next();
                stopped.push(stop_profile().unwrap());
                self.phase.next();
            }
            self.over.store(true, Ordering::Relaxed);
            for (thread, sum) in threads.into_iter().flat_map(|thread| thread.join().unwrap().into_iter().zip(0..)) {
                all[sum].inside.extend(thread.inside);
                all[sum].across.extend(thread.across);
            }
        });
        (stopped.iter().map(read).collect(), all)
    }
}

#[test]
fn every_range_is_in_the_session_in_which_it_ran_alone() {
    let bench = Bench::alone();
    let (traces, made) = Load::new().sessions(|| described(bench.config()), 3_000);
    let mut seen = BTreeSet::new();
    for (trace, made) in traces.iter().zip(&made) {
        assert_eq!(trace.losses("missing"), 0);
        let shown = ids(trace);
        assert!(made.inside.is_subset(&shown), "{:?} are missing", made.inside.difference(&shown));
        let others: BTreeSet<_> = shown.difference(&made.inside).copied().collect();
        assert!(others.is_subset(&made.across), "{:?} ran outside", others.difference(&made.across));
        assert!(seen.is_disjoint(&shown), "{:?} are in two sessions", seen.intersection(&shown));
        seen.extend(shown);
    }
}

#[test]
fn what_overflows_under_load_is_counted_by_its_own_session() {
    let bench = Bench::alone();
    for (what, change) in CHANGES {
        let (traces, made) = Load::new().sessions(|| change(bench.config().max_buffer_mb(1)), 6_000);
        for (trace, made) in traces.iter().zip(&made) {
            let (least, across) = (made.inside.len() as u64, made.across.len() as u64);
            let found = found(trace);
            assert!((least..=least + across).contains(&found), "{what}: {found} of {least}, {across} across");
        }
    }
}
