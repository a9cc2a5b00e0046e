//! Checks the profiler's results for a GPU: with known work, against CUDA's events and clocks.
//!
//! ```text
//! gpu_workload day OUT             runs every step in its own process; writes the report
//! gpu_workload step NAME OUT       runs one step; its figures are the last line, as JSON
//! gpu_workload part NAME FOLDER    runs a part of a step that needs a separate program
//! gpu_workload fixture FILE NEW    makes a recording of CUPTI's records small and anonymous
//! ```
//!
//! Needs only a driver at run time. Without one, each step reports that and is skipped.
//! `tests/gpu/run.sh` copies the program to a machine and finds the libraries there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "../../src/artifacts.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the other tests, which use all of it")]
mod artifacts;
mod bench;
mod cuda;
mod day;
mod findings;
mod fixture;
mod report;
mod steps;

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use bench::Bench;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["day", out] => day::run(Path::new(out)),
        ["step", name, out] => step(name, Path::new(out)),
        ["part", name, folder] => part(name, Path::new(folder)),
        ["fixture", file, new] => match fixture::write(Path::new(file), Path::new(new)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                println!("no fixture: {why}");
                ExitCode::FAILURE
            }
        },
        ["runs"] => ExitCode::SUCCESS,
        _ => {
            println!("usage: gpu_workload day OUT | step NAME OUT | part NAME FOLDER | fixture FILE NEW");
            ExitCode::FAILURE
        }
    }
}

/// Runs one step, and prints its figures or the reason why there are none.
fn step(name: &str, out: &Path) -> ExitCode {
    let Some(step) = steps::ALL.iter().find(|step| step.name == name) else {
        println!("there is no step `{name}`");
        return ExitCode::FAILURE;
    };
    let line = match Bench::open(out).and_then(|bench| (step.run)(&bench)) {
        Ok(found) => json!({"figures": found.json()}),
        Err(why) => json!({"skipped": why}),
    };
    println!("{line}");
    ExitCode::SUCCESS
}

fn part(name: &str, folder: &Path) -> ExitCode {
    match Bench::open(folder) {
        Ok(bench) => steps::parts::run(name, &bench, folder),
        Err(why) => {
            println!("{why}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
