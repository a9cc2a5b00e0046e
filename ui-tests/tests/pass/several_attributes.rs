//! Two attributes on one function are two ranges. The upper attribute's range is the outer one.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::future::Future;

use futures::executor::block_on;
use profiler_runtime::{profiled_op, profiled_stage};
use profiler_ui_tests::notebook;

#[profiled_stage("outside", crate = notebook)]
#[profiled_op("inside", crate = notebook)]
fn both() -> u32 {
    1
}

#[profiled_stage("outside", crate = notebook)]
#[profiled_op("inside", crate = notebook)]
async fn later() -> u32 {
    2
}

#[profiled_stage("outside", crate = notebook)]
#[profiled_op("inside", crate = notebook)]
fn opaque() -> impl Future<Output = u32> {
    async { 3 }
}

fn main() {
    assert_eq!(both(), 1);
    assert_eq!(notebook::lines(), ["begin Op inside", "begin Stage outside", "end outside", "end inside"]);
    let order = ["first poll of Op inside", "first poll of Stage outside", "outside is ready", "inside is ready"];
    assert_eq!(block_on(later()), 2);
    assert_eq!(notebook::lines(), order);
    assert_eq!(block_on(opaque()), 3);
    assert_eq!(notebook::lines(), order);
}
