//! Scenarios of sessions: flight recorders, schedules, selections, losses, ranks, spools.

use std::path::Path;

use profiler_runtime::merge::MergeOptions;
use profiler_runtime::{
    ProfilerConfig, dump_profile, next_step, op, profiled_op, profiled_step, stage, start_profile_with, step,
};
use profiler_tests::processes::end_by;

use super::script::{everything, pass, record, spooled};

#[profiled_op("leaf")]
#[inline(never)]
fn leaf() {
    pass(1);
}

#[profiled_step("iteration", index = 100 + index)]
fn iteration(index: u64, leaves: u64) {
    let _stage = stage!("body");
    (0..leaves).for_each(|_| leaf());
}

/// Records more than fits, of which the last iterations are shown, with one dump on the way.
pub(crate) fn ring(folder: &Path) {
    record(everything(folder).ring(true).ring_steps(2).max_buffer_mb(1), || {
        (0..30).for_each(|index| iteration(index, 2_000));
        iteration(30, 2);
        iteration(31, 2);
        dump_profile().unwrap().wait().unwrap();
        (32..35).for_each(|index| iteration(index, 3));
    });
}

pub(crate) fn schedule(folder: &Path) {
    let config = || everything(folder).step_of("iteration");
    record(config().wait_iterations(1).warmup_iterations(1).active_iterations(2), || {
        let _around = stage!("around the iterations");
        (0..8).for_each(|index| iteration(index, 1));
    });
    record(config().delay_iterations(1).max_iterations(2), || (0..5).for_each(|index| iteration(index, 1)));
    record(everything(folder), || {
        for _ in 0..3 {
            leaf();
            next_step();
        }
    });
}

pub(crate) fn selection(folder: &Path) {
    record(everything(folder).stages(["vae.*", "layer.?"]), || {
        for name in ["vae.encode", "text_encoder", "layer.1", "layer.10"] {
            let _stage = stage(name);
            leaf();
            drop(stage!("inside"));
        }
        leaf();
    });
}

/// Records more than fits.
pub(crate) fn losses(folder: &Path) {
    record(ProfilerConfig::torch(folder).max_buffer_mb(1), || {
        let _outer = stage!("outer");
        (0..40_000).for_each(|_| leaf());
    });
}

/// Writes only the light reports.
pub(crate) fn timings(folder: &Path) {
    let dump = folder.join("perf_dump.json");
    record(ProfilerConfig::default().perf_dump_path(dump).pipeline_profiler(true), || {
        for index in 0..3 {
            let _step = step!("denoise_step", index);
            let _stage = stage!("diffuse");
            pass(10 + index);
        }
    });
}

/// Records one rank of several, chosen by the environment.
pub(crate) fn rank(folder: &Path) {
    let rank: u64 = std::env::var("RANK").unwrap().parse().unwrap();
    record(ProfilerConfig::torch(folder), || {
        for index in 0..2 {
            pass(10 * rank);
            let _step = step!("turn", index);
            let _stage = stage(&format!("of rank {rank} · ü"));
            drop(op!("attention"));
            pass(25);
        }
    });
}

pub(crate) fn merge(folder: &Path) {
    let session = std::env::var("PROFILER_SESSION_ID").unwrap();
    let session = folder.join(session);
    profiler_runtime::merge::merge(&[&session], session.join("trace_merged.json"), &MergeOptions::default()).unwrap();
}

/// Records into a spool and is killed.
pub(crate) fn spool(folder: &Path, is_ring: bool) -> ! {
    let mut config = spooled(everything(folder));
    if is_ring {
        config = config.ring(true).ring_steps(2).max_spool_mb(2);
    }
    start_profile_with(config).unwrap();
    let leaves = if is_ring { 4_000 } else { 2 };
    (0..if is_ring { 20 } else { 1 }).for_each(|index| iteration(index, leaves));
    (20..23).for_each(|index| iteration(index, 2));
    let _open = stage!("open at the end");
    drop(op!("described", shapes([1.0_f32, 2.0]), flops = 3));
    pass(50);
    end_by(libc::SIGKILL)
}

pub(crate) fn recover(folder: &Path) {
    let recovered = profiler_runtime::spool::recover(folder).unwrap();
    assert!(recovered.sessions.len() == 1 && recovered.failed.is_empty(), "{recovered:?}");
}
