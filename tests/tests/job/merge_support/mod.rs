//! A job of two ranks that take turns, on a machine made of doubles, for the checks of merged
//! traces.

#![allow(dead_code, reason = "each program uses its part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use profiler_runtime::{ProfilerConfig, op, stage as named_stage, start_profile_with, step, stop_profile};

use profiler_tests::gpu::{Device, machine, make_context, perf};

/// Name of the common session.
pub(crate) const SESSION: &str = "job-7";
/// Number of times that a rank hands over to the other.
pub(crate) const TURNS: usize = 5;

/// Runs a rank: the ranks take turns with a step that launches a kernel, and rank 0 begins.
pub(crate) fn work() {
    let rank: usize = std::env::var("RANK").unwrap().parse().unwrap();
    make_context();
    start_profile_with(ProfilerConfig::torch(perf())).unwrap();
    let device = Device::open();
    hand_over(rank, TURNS);
    wait_for(1 - rank, TURNS);
    for turn in 0..TURNS {
        if rank == 1 || turn > 0 {
            wait_for(1 - rank, if rank == 1 { turn } else { turn - 1 });
        }
        {
            let _step = step!("turn", turn);
            let _stage = named_stage(&format!("turn {turn} of rank {rank} · ü"));
            let _op = op!("attention");
            device.kernel(c"softmax", 7, 1_000);
        }
        hand_over(rank, turn);
    }
    stop_profile().unwrap().wait().unwrap();
}

/// Marks a turn of a rank as over; turn [`TURNS`] marks the rank as ready.
fn hand_over(rank: usize, turn: usize) {
    fs::write(mark(rank, turn), "").unwrap();
}

fn wait_for(rank: usize, turn: usize) {
    while !mark(rank, turn).exists() {
        std::thread::yield_now();
    }
}

fn mark(rank: usize, turn: usize) -> PathBuf {
    perf().with_file_name(format!("turn-{rank}-{turn}"))
}

/// Runs both ranks in `folder`, each as the ignored test `worker` of this program, and returns the
/// session's folder.
pub(crate) fn run_two_ranks(folder: &Path) -> PathBuf {
    let ranks: Vec<_> = ["0", "1"]
        .map(|rank| {
            let mut command = machine("worker", folder);
            command.envs([("RANK", rank), ("LOCAL_RANK", rank), ("WORLD_SIZE", "2"), ("PROFILER_SESSION_ID", SESSION)]);
            command.stdout(Stdio::null()).spawn().unwrap()
        })
        .into();
    for mut rank in ranks {
        assert!(rank.wait().unwrap().success());
    }
    folder.join("perf").join(SESSION)
}
