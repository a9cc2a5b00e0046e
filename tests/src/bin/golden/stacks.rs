//! Scenarios of call stacks, of functions whose frames are the same in any build.

use std::path::Path;

use profiler_runtime::{artifacts::GroupBy, profiled_op, profiled_stage, start_profile_with, step};
use profiler_tests::processes::end_by;

use super::script::{everything, on_thread, pass, record_with_table, spooled};
use profiler_tests::gpu::{Device, make_context};

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

/// Records into a spool and is killed. The stacks are resolved during recovery.
pub(crate) fn killed(folder: &Path) -> ! {
    start_profile_with(spooled(everything(folder).torch_profiler_with_stack(true))).unwrap();
    block();
    pass(10);
    end_by(libc::SIGKILL)
}
