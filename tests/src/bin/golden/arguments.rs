//! Scenarios of user-defined arguments, on ranges of every kind and on the lives of futures.

use std::path::Path;
use std::pin::pin;

use profiler_runtime::{op, profiled_op, profiled_stage, profiled_step, stage, start_profile_with, step};
use profiler_tests::processes::end_by;

use super::script::{everything, pass, poll, record, spooled, wait};

#[profiled_stage("prefill", args(tokens = tokens, offset = -offset))]
fn prefill(tokens: usize, offset: i32) {
    pass(3);
}

#[profiled_step("decode", index = step, args(tokens = tokens))]
fn decode(step: u64, tokens: u64) {
    pass(2);
    drop(op!("matmul", shapes([1.0_f32; 4]), flops = 8, args(expert = 3_u8)));
    pass(1);
}

#[profiled_op("sample", flops = 5, args(größe = u64::MAX, r#type = true))]
fn sample() {
    pass(1);
}

#[profiled_stage("fetch", args(blocks = blocks))]
async fn fetch(blocks: u32) {
    pass(2);
    wait().await;
    pass(1);
}

fn all() {
    prefill(512, 7);
    (0..2).for_each(|step| decode(step, 1 << step));
    sample();
    drop(stage!("block", args(tokens = 9)));
    drop(step!("turn", 4, args(tokens = 10, layers = i64::MIN)));
    let (mut first, mut second) = (pin!(fetch(2)), pin!(fetch(3)));
    poll(first.as_mut());
    while !poll(second.as_mut()) {}
    while !poll(first.as_mut()) {}
}

pub(crate) fn arguments(folder: &Path) {
    record(everything(folder), all);
}

/// Records into a spool and is killed.
pub(crate) fn killed(folder: &Path) -> ! {
    start_profile_with(spooled(everything(folder))).unwrap();
    all();
    end_by(libc::SIGKILL)
}
