//! An option that another attribute takes.

use profiler_runtime::{profiled_op, profiled_stage, profiled_step};

#[profiled_stage("vae", flops = 1)]
fn flops() {}

#[profiled_step(shapes(x))]
fn shapes(x: &[f32]) -> usize {
    x.len()
}

#[profiled_op(index = 1)]
fn index() {}

fn main() {
    flops();
    shapes(&[]);
    index();
}
