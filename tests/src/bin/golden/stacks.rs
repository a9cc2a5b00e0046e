//! Call stacks, of functions that are what they are in any build.

use std::path::Path;

use profiler_runtime::{profiled_op, profiled_stage, step};

use super::script::{everything, on_thread, pass, record};

#[profiled_op("leaf")]
#[inline(never)]
fn leaf(us: u64) {
    pass(us);
}

#[inline(never)]
fn one() {
    leaf(10);
    std::hint::black_box(());
}

#[inline(never)]
fn other() {
    one();
    leaf(20);
    std::hint::black_box(());
}

#[profiled_stage("block")]
#[inline(never)]
fn block() {
    other();
    std::hint::black_box(());
}

pub(crate) fn stacks(folder: &Path) {
    record(everything(folder).torch_profiler_with_stack(true), || {
        for index in 0..2 {
            let _step = step!("denoise_step", index);
            block();
        }
        on_thread(Some("worker"), other);
    });
}
