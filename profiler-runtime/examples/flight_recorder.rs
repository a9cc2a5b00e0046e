//! Records without an end, and writes the last steps when one of them is slow.
//!
//! ```text
//! cargo run -p profiler-runtime --example flight_recorder
//! ```

#![allow(clippy::print_stdout)]

use std::thread::sleep;
use std::time::{Duration, Instant};

use profiler_runtime::{Error, ProfilerConfig, dump_profile, profiled_step, start_profile_with, stop_profile};

#[profiled_step("serve_step")]
fn serve_step(milliseconds: u64) {
    sleep(Duration::from_millis(milliseconds));
}

fn main() -> Result<(), Error> {
    // Once 16 MiB are full, the newest ranges overwrite the oldest. A dump shows the last five
    // steps.
    start_profile_with(ProfilerConfig::torch("./perf").ring(true).ring_steps(5).max_buffer_mb(16))?;
    for step in 0..40 {
        let began = Instant::now();
        serve_step(if step == 30 { 80 } else { 2 });
        // `slow_step_ms(50)` does the same in the background.
        if began.elapsed() > Duration::from_millis(50) {
            println!("{}", dump_profile()?.wait()?.summary());
        }
    }
    stop_profile()?.wait()?;
    Ok(())
}
