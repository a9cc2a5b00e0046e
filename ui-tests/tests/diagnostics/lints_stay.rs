//! The attribute does not silence lints about the user's code.

#![deny(warnings)]

use profiler_runtime::profiled_stage;

#[profiled_stage]
fn unused(argument: u32) {
    let variable = 1;
}

#[profiled_stage]
async fn later() {
    let mut unchanged = 1;
    drop(unchanged);
    return;
    println!("unreachable");
}

#[must_use]
#[profiled_stage]
fn important() -> u32 {
    1
}

fn main() {
    unused(1);
    let _ = later();
    important();
}
