//! F6: a lint that can be expected on a plain function can be expected on an annotated one.

#![forbid(unsafe_code)]
#![deny(warnings)]

use profiler_runtime::profiled_stage;

#[expect(unused_mut, reason = "above")]
#[profiled_stage]
fn above(mut n: u32) -> u32 {
    n
}

#[profiled_stage]
#[expect(unused_variables, reason = "below")]
fn below(n: u32) {}

#[profiled_stage]
#[expect(unconditional_recursion, reason = "of the function's own body only")]
fn recursive(n: u32) -> u32 {
    recursive(n)
}

#[profiled_stage]
#[expect(unused_assignments, reason = "of a parameter")]
fn assigned(mut n: u32) -> u32 {
    n = 1;
    n
}

#[profiled_stage]
#[expect(unused_variables, unused_mut, reason = "in a block")]
async fn later(mut n: u32) {
    let one = 1;
}

#[profiled_stage]
fn on_a_parameter(#[expect(unused_variables, reason = "it is")] n: u32) {}

#[profiled_stage]
async fn on_a_later_parameter(#[expect(unused_mut, reason = "it is")] mut n: u32) -> u32 {
    n
}

fn main() {
    assert_eq!(above(1) + assigned(2), 2);
    below(1);
    on_a_parameter(1);
    let _ = recursive as fn(u32) -> u32;
    futures::executor::block_on(later(1));
    assert_eq!(futures::executor::block_on(on_a_later_parameter(1)), 1);
}
