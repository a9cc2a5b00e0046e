//! Profiles a library that annotates itself: it depends on `profiler-core` alone.
//!
//! ```text
//! cargo run -p profiler-runtime --example library
//! ```

#![allow(clippy::print_stdout)]

use profiler_runtime::{Error, ProfilerConfig, start_profile_with, stop_profile};

/// A crate of its own in real life, with `profiler-core = "0.1"` as a dependency. In a program
/// without `profiler-runtime` its annotations compile to nothing.
mod tokenizer {
    use profiler_core::{profiled_op, profiled_stage};

    #[profiled_stage("tokenizer.forward")]
    pub(crate) fn encode(prompt: &str) -> Vec<u32> {
        prompt.split_whitespace().map(look_up).collect()
    }

    #[profiled_op("tokenizer.look_up")]
    fn look_up(word: &str) -> u32 {
        word.bytes().fold(0, |id, byte| id.wrapping_mul(31).wrapping_add(byte.into()))
    }
}

fn main() -> Result<(), Error> {
    start_profile_with(ProfilerConfig::torch("./perf"))?;
    tokenizer::encode("A cat playing with yarn");
    println!("{}", stop_profile()?.wait()?.summary());
    Ok(())
}
