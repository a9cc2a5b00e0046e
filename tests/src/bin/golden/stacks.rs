//! Call stacks, of functions that are what they are in any build.

use std::path::Path;

use profiler_runtime::{GroupBy, profiled_op, profiled_stage, step};

use super::gpu_support::{Device, make_context};
use super::script::{everything, on_thread, pass, record_with_table};

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
    make_context();
    let device = Device::open();
    let config = everything(folder).torch_profiler_with_stack(true);
    record_with_table(config, folder, GroupBy::Stack(3), || {
        for index in 0..2 {
            let _step = step!("denoise_step", index);
            block();
            device.kernel(c"softmax", 7, 3_000);
        }
        on_thread(Some("worker"), other);
        pass(10);
    });
}
