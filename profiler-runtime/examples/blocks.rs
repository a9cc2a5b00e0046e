//! Annotates blocks: a guard begins its range where it is made and ends it where it drops.
//!
//! ```text
//! cargo run -p profiler-runtime --example blocks
//! ```

#![allow(clippy::print_stdout)]

use std::hint::black_box;

use profiler_runtime::{Error, ProfilerConfig, op, stage, start_profile_with, step, stop_profile};

fn main() -> Result<(), Error> {
    let config = ProfilerConfig::torch("./perf").torch_profiler_with_flops(true);
    start_profile_with(config)?;

    let encoding = stage!("text_encoding");
    let x: Vec<f32> = (0..100_000).map(|token| token as f32).collect();
    drop(encoding); // ends the stage before the end of its scope

    for i in 0..4 {
        let _step = step!("denoise_step", i, args(batch = 1));
        let _op = op!("sum", shapes(x), flops = x.len());
        black_box(x.iter().sum::<f32>());
    }

    for layer in ["decoder.0", "decoder.1"] {
        let _stage = stage(layer); // a function takes names that are known only at run time
        black_box(x.iter().fold(0.0_f32, |most, value| most.max(*value)));
    }

    println!("{}", stop_profile()?.wait()?.summary());
    Ok(())
}
