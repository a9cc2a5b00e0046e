//! An option given twice.

use profiler_runtime::{profiled_op, profiled_stage};

#[profiled_stage("a", name = "b")]
fn name() {}

#[profiled_op(flops = 1, shapes(x), flops = 2)]
fn flops(x: &[f32]) -> usize {
    x.len()
}

fn main() {
    name();
    flops(&[]);
}
