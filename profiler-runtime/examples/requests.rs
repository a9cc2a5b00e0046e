//! Groups timings by request, on whichever threads a request's work runs.
//!
//! ```text
//! cargo run -p profiler-runtime --example requests
//! ```

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::Duration;
use std::{fs, thread};

use profiler_runtime::artifacts::ArtifactKind;
use profiler_runtime::{ProfilerConfig, current_request, profiled_stage, request, start_profile_with, stop_profile};

#[profiled_stage("diffuse")]
fn diffuse(steps: u64) {
    thread::sleep(Duration::from_millis(5 * steps));
}

#[profiled_stage("vae.decode")]
fn decode() {
    thread::sleep(Duration::from_millis(10));
}

fn main() -> Result<(), Box<dyn Error>> {
    start_profile_with(ProfilerConfig::torch("./perf"))?;
    for (id, steps) in [("cat", 2), ("dog", 4), ("fox", 8)] {
        let _request = request(id);
        diffuse(steps);
        let request = current_request(); // takes the request along to another thread
        let _ = thread::spawn(move || request.run(decode)).join();
    }
    let written = stop_profile()?.wait()?;
    let page = written.artifact(ArtifactKind::Summary).ok_or("no summary")?;
    println!("{}\n{}", page.path.display(), fs::read_to_string(&page.path)?);
    Ok(())
}
