//! Options that do not exist, near to one that does and far from all.

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
