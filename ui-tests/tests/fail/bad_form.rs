//! Known options in the wrong form.

use profiler_runtime::{profiled_op, profiled_stage, profiled_step};

#[profiled_op("linear", shapes())]
fn no_shapes() {}

#[profiled_op(shapes = x)]
fn assigned_shapes(x: &[f32]) -> usize {
    x.len()
}

#[profiled_op(flops(2 * 3))]
fn listed_flops() {}

#[profiled_step(index)]
fn bare_index() {}

#[profiled_stage(name =)]
fn missing_value() {}

#[profiled_stage(crate = "profiler_runtime")]
fn quoted_crate() {}

#[profiled_stage(crate = 1 + 1)]
fn computed_crate() {}

fn main() {
    no_shapes();
    assigned_shapes(&[]);
    listed_flops();
    bare_index();
    missing_value();
    quoted_crate();
    computed_crate();
}
