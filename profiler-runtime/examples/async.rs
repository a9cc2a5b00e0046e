//! Records futures: a range is the future's whole life, and each poll shows on the thread it ran
//! on.
//!
//! ```text
//! cargo run -p profiler-runtime --example async
//! ```

#![allow(clippy::print_stdout)]

use std::time::Duration;

use profiler_runtime::{Error, ProfilerConfig, profiled_stage, request_scope, start_profile_with, stop_profile};
use tokio::time::sleep;

#[profiled_stage("fetch")]
async fn fetch(milliseconds: u64) {
    sleep(Duration::from_millis(milliseconds)).await;
}

#[profiled_stage("generate")]
async fn generate() {
    fetch(20).await;
    fetch(10).await;
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    start_profile_with(ProfilerConfig::torch("./perf"))?;
    // Two requests overlap on one thread; the trace and the timings keep them apart.
    tokio::join!(request_scope("cat", generate()), request_scope("dog", generate()));
    println!("{}", stop_profile()?.wait()?.summary());
    Ok(())
}
