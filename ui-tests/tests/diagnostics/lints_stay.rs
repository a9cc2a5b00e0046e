//! Lints about the user's code are not silenced by the attribute.

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
