//! Agreement of all artifacts of one session, each to the precision of its unit, for random
//! programs: their guards, functions and futures cross, leak, are reassigned, lie in collections
//! and fields or across `await`, nest in their own site, run on several threads, are cut by start
//! and stop, or are recovered from a spool.
//!
//! `PROFILER_TESTS_CASES` sets the number of programs (100 if it is unset, 12 of those that are
//! recovered), `PROFILER_TESTS_SEED` the seed.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use crate::agreement_support::program::{Program, programs};
use crate::agreement_support::story::Story;
use crate::agreement_support::{agree, agree_on, run};
use profiler_runtime::artifacts::ArtifactKind;
use profiler_runtime::spool::recover;
use profiler_tests::{Bench, child_of, in_child};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, RngSeed, TestCaseError, TestError, TestRunner};

const CASES: u32 = 100;

fn variable<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

fn play(seed: u64, cases: u32) {
    let config = Config {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        rng_algorithm: RngAlgorithm::ChaCha,
        max_shrink_iters: 600,
        ..Config::default()
    };
    let played = TestRunner::new(config).run(&programs(), |program| {
        let bench = Bench::alone_in_memory();
        agree(&run::run(&program, &bench, || {})).map_err(TestCaseError::fail)
    });
    match played {
        Ok(()) => {}
        Err(TestError::Fail(reason, program)) => panic!("seed {seed}: {reason}\n{program:#?}"),
        Err(error) => panic!("seed {seed}: {error}"),
    }
}

/// A1, A2, A3, A9: the artifacts of programs from a fixed seed agree.
#[test]
fn artifacts_of_known_programs_agree() {
    play(variable("PROFILER_TESTS_SEED").unwrap_or(1), variable("PROFILER_TESTS_CASES").unwrap_or(CASES));
}

/// A1, A2, A3, A9: the artifacts of programs from a new seed agree.
#[test]
fn artifacts_of_other_programs_agree() {
    if variable::<u64>("PROFILER_TESTS_SEED").is_none() {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
        play(now as u64, CASES);
    }
}

/// Returns the first program of a seed, recorded by one session with a spool.
#[cfg(target_os = "linux")]
fn spooled(seed: u64) -> Program {
    let config = Config { rng_seed: RngSeed::Fixed(seed), rng_algorithm: RngAlgorithm::ChaCha, ..Config::default() };
    run::spooled(programs().new_tree(&mut TestRunner::new(config)).unwrap().current())
}

/// Plays a program and is killed before its session stops.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn killed() {
    if let Some(seed) = variable("SEED").filter(|_| in_child()) {
        let bench = Bench::alone();
        std::fs::write(std::env::var("FOLDER").unwrap(), bench.path().to_str().unwrap()).unwrap();
        // SAFETY: the call only ends this process.
        run::run(&spooled(seed), &bench, || unsafe {
            libc::kill(libc::getpid(), libc::SIGKILL);
        });
    }
}

/// A1, A2, A3, A9: artifacts that are recovered from killed programs agree, too.
#[cfg(target_os = "linux")]
#[test]
fn artifacts_of_recovered_programs_agree() {
    let bench = Bench::alone();
    let base = variable("PROFILER_TESTS_SEED").unwrap_or(1_u64);
    for seed in base..base + u64::from(variable("PROFILER_TESTS_CASES").unwrap_or(12_u32)) {
        let told = bench.path().join("folder");
        let mut child = child_of("killed");
        child.env("SEED", seed.to_string()).env("FOLDER", &told);
        assert_eq!(child.output().unwrap().status.signal(), Some(libc::SIGKILL), "seed {seed}");
        let folder = PathBuf::from(std::fs::read_to_string(&told).unwrap());
        let manifest = recover(&folder).unwrap().sessions.remove(0);
        let session = manifest.artifact(ArtifactKind::Trace).unwrap().path.parent().unwrap();
        let program = spooled(seed);
        let boundaries = program.boundaries.len();
        let window = (0, if program.stops_early { boundaries } else { boundaries + 1 });
        let story = Story::of(&run::logs(&program, &bench), window, &[window]);
        if let Err(wrong) = agree_on(story, &manifest, session) {
            panic!("seed {seed}: {wrong}\n{program:#?}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
