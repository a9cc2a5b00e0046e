//! Expressions of the wrong type in the attribute: the error is at the expression.

use profiler_runtime::{profiled_op, profiled_step};
use profiler_ui_tests::notebook;

struct Opaque;

#[profiled_op(shapes(x), crate = notebook)]
fn no_shape(x: &Opaque) {
    let _ = x;
}

#[profiled_op(flops = "many", crate = notebook)]
fn no_number() {}

#[profiled_step(index = missing)]
fn no_name() {}

#[profiled_op("later", shapes(&x), crate = notebook)]
async fn no_shape_later(x: Opaque) {
    drop(x);
}

fn main() {}
