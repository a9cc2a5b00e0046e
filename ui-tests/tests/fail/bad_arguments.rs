//! User-defined arguments that are invalid.

use profiler_runtime::{profiled_op, profiled_stage, profiled_step};

#[profiled_stage(args(tokens = 1, tokens = 2))]
fn twice() {}

#[profiled_step(args(index = 1))]
fn reserved() {}

#[profiled_op(args(tokens))]
fn no_value() {}

#[profiled_op(args(tokens = 1, 2))]
fn no_name() {}

#[profiled_op(args())]
fn none() {}

#[profiled_op(args = 1)]
fn assigned() {}

fn main() {
    twice();
    reserved();
    no_value();
    no_name();
    none();
    assigned();
}
