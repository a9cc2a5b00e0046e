//! A session in which everything happens that an artifact can show, on a machine made of doubles.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Mutex;

use profiler_runtime::config::TraceFormat;
use profiler_runtime::memory::{Device as Memory, record_alloc, record_free};
use profiler_runtime::{
    ProfilerConfig, next_step, op, profiled_op, profiled_stage, profiled_step, request, stage, start_profile_with,
    stop_profile,
};

use profiler_tests::gpu::{Device, make_context, perf};
use profiler_tests::tasks::{poll, second_poll};

/// Returns the path of the log, beside the session.
pub(crate) fn log_file() -> PathBuf {
    perf().with_file_name("log")
}

struct Listener(Mutex<String>);

impl log::Log for Listener {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if let Ok(mut lines) = self.0.lock() {
            let _ = writeln!(lines, "{}: {}", record.level(), record.args());
        }
    }

    fn flush(&self) {}
}

static LISTENER: Listener = Listener(Mutex::new(String::new()));

#[profiled_op("linear", shapes(x), flops = 2 * x.len())]
fn linear(x: &[f32]) -> f32 {
    x.iter().sum()
}

#[profiled_stage("diffuse")]
fn diffuse(x: &[f32]) -> f32 {
    linear(x) + std::hint::black_box(vec![1.0_f32; 1 << 14])[1]
}

#[profiled_step("denoise_step", index = step)]
fn denoise_step(step: u64, device: &Device) {
    drop(op!("before"));
    let _stage = stage!("transformer");
    device.fill(7, 4096, 2_000);
    {
        let _op = op!("attention");
        device.kernel(c"_Z6vecAddPfS_S_i", 7, 20_000);
        device.runtime_kernel(c"softmax", 13, 30_000);
    }
    device.graph(c"graph_node".as_ptr(), 7, 4);
    device.memory(1, 0x1000 * (step + 1), 512);
}

#[profiled_stage("text_encoder")]
async fn encode() {
    second_poll().await;
}

/// Holds a guard while its future waits.
#[profiled_stage("prefetch")]
async fn prefetch() {
    let _held = stage!("held over an await");
    second_poll().await;
}

fn work(device: &Device) {
    let mut first = pin!(encode());
    let mut second = pin!(encode());
    let mut held = pin!(prefetch());
    assert!(!poll(held.as_mut()).is_ready() && !poll(first.as_mut()).is_ready() && !poll(second.as_mut()).is_ready());
    std::thread::scope(|scope| {
        scope.spawn(|| assert!(poll(second.as_mut()).is_ready()));
        scope.spawn(|| assert!(diffuse(&[1.0; 8]) > 0.0));
    });
    assert!(poll(first.as_mut()).is_ready() && poll(held.as_mut()).is_ready());
    let mut dropped = Box::pin(encode());
    assert!(!poll(dropped.as_mut()).is_ready());
    drop(dropped);
    {
        let _request = request("a request");
        (0..3).for_each(|step| denoise_step(step, device));
    }
    (0..2).for_each(|_| next_step());
    let (outer, inner) = (stage!("outer"), stage!("inner"));
    drop(outer);
    drop(inner);
    device.copy(9, 1 << 20, 10_000);
    device.peer_copy(9, 1 << 10, 1_000);
    device.memory(2, 0x1000, 512);
    device.record_event(7, 1);
    device.wait_for_event(9, 1);
    device.wait(7);
    device.unfinished(c"never_ends".as_ptr(), 7);
    record_alloc(Memory::Cuda(0), 0x7000, 4096);
    record_free(Memory::Cuda(0), 0x7000, 4096);
    std::thread::scope(|scope| drop(scope.spawn(|| device.kernel(c"of_nobody", 21, 5_000))));
    std::mem::forget(stage!("stays open"));
}

/// Records the session, in a child process.
pub(crate) fn record() {
    log::set_logger(&LISTENER).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    make_context();
    let config = ProfilerConfig::torch(perf())
        .trace_format(TraceFormat::Both)
        .torch_profiler_record_shapes(true)
        .torch_profiler_with_flops(true)
        .torch_profiler_with_memory(true)
        .torch_profiler_with_stack(true)
        .torch_profiler_dump_cuda_time_total(true)
        .cuda_sync_events(true)
        .cpu_time(true)
        .pipeline_profiler(true)
        .pipeline_targets(["diffuse", "transformer", "never runs"])
        .perf_dump_path(perf().join("perf.json"))
        .step_of("denoise_step");
    start_profile_with(config).unwrap();
    let device = Device::open();
    // Not on the test's own thread, whose name differs from run to run.
    std::thread::scope(|scope| drop(scope.spawn(|| work(&device)).join()));
    stop_profile().unwrap().wait().unwrap();
    fs::write(log_file(), &*LISTENER.0.lock().unwrap()).unwrap();
}
