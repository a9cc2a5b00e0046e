//! Records allocations, and shows how much memory each stage needed.
//!
//! ```text
//! cargo run -p profiler-runtime --example memory
//! ```

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs;

use profiler_runtime::artifacts::ArtifactKind;
use profiler_runtime::memory::ProfilingAllocator;
use profiler_runtime::{ProfilerConfig, profiled_stage, start_profile_with, stop_profile};

// Tensors are large: leaving out small blocks keeps the recording cheap.
#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::new().at_least(1024);

#[profiled_stage("text_encoding")]
fn encode() -> Vec<f32> {
    vec![1.0; 1 << 18]
}

#[profiled_stage("vae.decode")]
fn decode(latents: &[f32]) -> Vec<f32> {
    let twice: Vec<f32> = latents.iter().chain(latents).copied().collect();
    twice.iter().map(|value| value * 0.5).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    start_profile_with(ProfilerConfig::torch("./perf").torch_profiler_with_memory(true))?;
    decode(&encode());
    let written = stop_profile()?.wait()?; // memory_snapshot_rank0.pickle is for pytorch.org/memory_viz
    let page = written.artifact(ArtifactKind::Summary).ok_or("no summary")?;
    println!("{}\n{}", page.path.display(), fs::read_to_string(&page.path)?);
    Ok(())
}
