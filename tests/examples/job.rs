//! A job for tests of consumers: `job FOLDER [WORKERS]` starts workers (2 by default) as processes
//! of itself, profiles them for a while as one session, and prints the paths of its artifacts.

#![allow(clippy::print_stdout, reason = "a program for people")]

use std::error::Error;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use profiler_runtime::job::{Controller, Coordinator, CoordinatorOptions, Selection};
use profiler_runtime::{ProfilerConfig, profile_from_env, profiled_op, profiled_stage, profiled_step};

#[profiled_op("attention", shapes(x), flops = 2 * x.len())]
fn attention(x: &mut [f32]) {
    x.iter_mut().for_each(|value| *value = value.sin());
}

#[profiled_step]
fn denoise_step(x: &mut [f32]) {
    attention(x);
    attention(x);
}

#[profiled_stage("diffuse")]
fn diffuse(x: &mut [f32]) {
    (0..8).for_each(|_| denoise_step(x));
}

/// Does a worker's work, which is unaware of the job.
fn work() {
    let _profile = profile_from_env();
    let (begin, mut x) = (Instant::now(), vec![1.0; 4096]);
    while begin.elapsed() < Duration::from_secs(3) {
        diffuse(&mut x);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: job FOLDER [WORKERS]")?;
    if folder == "worker" {
        work();
        return Ok(());
    }
    let count = arguments.next().map_or(Ok(2), |count| count.parse())?;
    let config = ProfilerConfig::torch(&folder).torch_profiler_record_shapes(true).torch_profiler_with_flops(true);
    let address = format!("unix:{folder}.sock/profiler.sock");
    let coordinator = Coordinator::bind(&address, CoordinatorOptions::default().config(config))?;
    let worker = |rank: usize| {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("worker").envs(coordinator.environment()).stdin(Stdio::null());
        command.envs([("RANK", rank.to_string()), ("WORLD_SIZE", count.to_string())]).spawn()
    };
    let workers = (0..count).map(worker).collect::<Result<Vec<_>, _>>()?;
    coordinator.wait_for_workers(count, Duration::from_secs(10));
    coordinator.start(&Selection::default())?;
    std::thread::sleep(Duration::from_millis(200));
    let report = coordinator.stop(&Selection::default(), Duration::from_secs(60))?;
    for line in &report.workers {
        let files: Vec<&str> = line.artifacts.iter().map(|artifact| artifact.name.as_str()).collect();
        println!("{} {:?}: {}", line.worker.name, line.state, files.join(", "));
    }
    println!("{}", report.folder.unwrap_or_default().display());
    for mut worker in workers {
        worker.wait()?;
    }
    Ok(())
}
