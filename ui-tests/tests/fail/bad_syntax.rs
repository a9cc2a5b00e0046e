//! Arguments that do not parse; those after the comma are still checked.

use profiler_runtime::{profiled_op, profiled_stage};

#[profiled_stage("vae" "decode")]
fn no_comma() {}

#[profiled_op(flops = 2 *, colour = 1)]
fn half_an_expression() {}

#[profiled_stage(,)]
fn only_a_comma() {}

#[profiled_stage = "vae"]
fn assigned() {}

fn main() {
    no_comma();
    half_an_expression();
    only_a_comma();
    assigned();
}
