//! Parts of steps that run as separate programs: under a tool, with a variable, or to be killed.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use profiler_runtime::config::GpuTiming;
use profiler_runtime::{ProfilerConfig, op, stage, stage_on, start_profile_with, step, stop_profile};

use crate::bench::{Bench, Recorded};

/// Iterations of the story, and ops per iteration.
pub(super) const STEPS: usize = 4;
pub(super) const OPS: usize = 5;
/// Microseconds of an op's kernel.
const SPIN: u64 = 500;
/// Number of recordings of the part `ranges`.
pub(super) const RANGES: usize = 3;
/// Number of kernels, which is more than a fixture needs of each kind.
const KERNELS: u32 = 25_000;

/// Runs the part with this name.
pub(crate) fn run(name: &str, bench: &Bench, folder: &Path) {
    match name {
        "story" => story(bench),
        "recorded_story" => drop(Recorded::of(ProfilerConfig::torch(folder), || story(bench))),
        "ranges" => ranges(bench),
        "runtime" => drop(Recorded::of(ProfilerConfig::torch(folder), super::runtime_calls::calls(bench))),
        "everything" => everything(bench, folder),
        "killed_events" => killed(bench, folder, GpuTiming::Events),
        "killed_cupti" => killed(bench, folder, GpuTiming::Auto),
        other => panic!("there is no part `{other}`"),
    }
}

/// Runs steps with spinning ops, and a stage after them.
pub(super) fn story(bench: &Bench) {
    let (gpu, stream) = (&bench.gpu, bench.stream);
    for index in 0..STEPS {
        let _step = step!("denoise_step", index);
        let _stage = stage!("transformer");
        for _ in 0..OPS {
            let _op = op!("attention");
            gpu.spin(stream, SPIN);
        }
    }
    let _stage = stage!("vae.decode");
    gpu.spin(stream, SPIN);
    gpu.wait(stream);
}

/// Makes three recordings of two iterations each, with work between them that must not be captured.
fn ranges(bench: &Bench) {
    let (gpu, stream) = (&bench.gpu, bench.stream);
    for _ in 0..RANGES {
        gpu.spin(stream, SPIN);
        start_profile_with(ProfilerConfig::cuda().output_dir(bench.place("ranges")).max_iterations(2))
            .expect("a session starts");
        for _ in 0..4 {
            let _step = step!("captured_step");
            let _stage = stage!("captured");
            gpu.spin(stream, SPIN);
        }
        let manifest = stop_profile().expect("it stops").wait().expect("it is written");
        manifest.warnings.iter().for_each(|warning| println!("warning: {warning}"));
    }
    gpu.synchronize();
}

/// Causes every kind of record, and more kernels than are kept.
fn everything(bench: &Bench, folder: &Path) {
    let (gpu, stream) = (&bench.gpu, bench.stream);
    let mut values = vec![1.0_f32; 1 << 16];
    let config = ProfilerConfig::torch(folder).torch_profiler_with_memory(true).cuda_sync_events(true);
    let work = || {
        story(bench);
        gpu.round_trip(stream, &mut values);
        let mut pinned = gpu.pinned(1 << 16);
        let (one, two) = (gpu.allocate(1 << 18), gpu.allocate_async(1 << 18, stream));
        gpu.copy_in(stream, one, pinned.values());
        gpu.copy_on(stream, two, one, 1 << 18);
        gpu.managed_doubles(stream, 1 << 16, 1.0);
        let graph = gpu.graph(stream, 3, 10);
        (0..3).for_each(|_| gpu.run(&graph, stream));
        gpu.wait(stream);
        gpu.destroy(graph);
        gpu.free_async(two, stream);
        gpu.free(one);
        gpu.free_pinned(pinned);
        let event = gpu.event();
        gpu.record(event, stream);
        super::runtime_calls::calls(bench)();
        let _stage = stage!("many");
        (0..bench.many(KERNELS, 100)).for_each(|_| gpu.empty(stream));
    };
    drop(Recorded::of(config.max_buffer_mb(512), work));
}

/// Records into a spool, and ends without a stop.
fn killed(bench: &Bench, folder: &Path, timing: GpuTiming) {
    start_profile_with(ProfilerConfig::torch(folder).spool(true).gpu_timing(timing)).expect("a session starts");
    for _ in 0..10 {
        let _stage = stage_on!(bench.stream, "transformer");
        bench.gpu.spin(bench.stream, SPIN);
        bench.gpu.wait(bench.stream);
    }
    // The journal contains the timed device within a second.
    let deadline = Instant::now() + Duration::from_secs(5);
    while timing == GpuTiming::Events && !is_noted(folder) && Instant::now() < deadline {
        drop(stage_on!(bench.stream, "waiting"));
        std::thread::sleep(Duration::from_millis(20));
    }
    #[cfg(unix)]
    // SAFETY: ends this process, which is the purpose.
    unsafe {
        libc::kill(libc::getpid(), libc::SIGKILL);
    }
}

/// Returns whether a journal in the folder has events.
fn is_noted(folder: &Path) -> bool {
    let sessions = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut journals = sessions.map(|session| session.path().join(".spool_rank0.journal"));
    journals.any(|journal| fs::read_to_string(journal).is_ok_and(|text| text.contains(" {\"events\":")))
}
