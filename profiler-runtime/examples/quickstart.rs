//! Records three annotated functions and prints where the time went.
//!
//! ```text
//! cargo run -p profiler-runtime --example quickstart
//! ```

#![allow(clippy::print_stdout)]

use profiler_runtime::{
    Error, ProfilerConfig, profiled_op, profiled_stage, profiled_step, start_profile_with, stop_profile,
};

#[profiled_op("scale", shapes(latents), flops = latents.len())]
fn scale(latents: &mut [f32], factor: f32) {
    latents.iter_mut().for_each(|latent| *latent *= factor);
}

#[profiled_step("denoise_step")]
fn denoise_step(latents: &mut [f32]) {
    scale(latents, 0.5);
}

#[profiled_stage("vae.decode")]
fn decode(latents: &[f32]) -> Vec<u8> {
    latents.iter().map(|latent| (latent * 255.0) as u8).collect()
}

fn main() -> Result<(), Error> {
    start_profile_with(ProfilerConfig::torch("./perf").torch_profiler_record_shapes(true))?;
    let mut latents = vec![1.0; 1 << 20];
    for _ in 0..4 {
        denoise_step(&mut latents);
    }
    decode(&latents);
    println!("{}", stop_profile()?.wait()?.summary());
    Ok(())
}
