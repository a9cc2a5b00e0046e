//! Unknown options: one is similar to a known option, the others are not.

use profiler_runtime::{profiled_op, profiled_stage, profiled_step};

#[profiled_stage(nmae = "vae.decode")]
fn slip() {}

#[profiled_op("linear", shape(x))]
fn missing_letter(x: &[f32]) -> usize {
    x.len()
}

#[profiled_step(colour = "red")]
fn unrelated() {}

#[profiled_stage(decode)]
fn without_quotes() {}

fn main() {
    slip();
    missing_letter(&[]);
    unrelated();
    without_quotes();
}
