//! F12: unfinished code is one error, as in a plain function.

use std::pin::Pin;

use profiler_runtime::profiled_stage;

#[profiled_stage]
fn body(text: String) {
    text.
}

#[profiled_stage]
async fn later(text: String) {
    text.
}

#[profiled_stage]
fn boxed(text: String) -> Pin<Box<dyn Future<Output = ()>>> {
    text.
}

#[profiled_stage]
fn variable() {
    let a =
}

#[profiled_stage]
fn parameter(a: ) {}

#[profiled_stage]
async fn later_parameter(a) {}

#[profiled_stage]
fn output() -> {}

fn main() {}
