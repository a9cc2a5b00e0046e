//! Records everything that a trace can show in both formats, so that Perfetto's views of the two
//! can be compared.
//!
//! ```text
//! two_formats FOLDER           one session into FOLDER
//! two_formats FOLDER runtime   one with these `cuda_api_names`, in JSON only, with steps of the GPU
//! ```
//!
//! `consumers/perfetto.sh` runs it, with doubles of a GPU if they are available (see `gpu_work`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::pin::pin;
use std::thread;
use std::time::Duration;

use profiler_runtime::config::{CudaApiNames, TraceFormat};
use profiler_runtime::memory::ProfilingAllocator;
use profiler_runtime::{
    ProfilerConfig, op, profiled_op, profiled_stage, profiled_step, request, stage, start_profile_with, step,
    stop_profile,
};
use profiler_tests::gpu::{Device, try_make_context};
use profiler_tests::tasks::{poll, second_poll};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::new();

#[profiled_op("linear", shapes(x), flops = 2 * x.len())]
fn linear(x: &[f32]) -> f32 {
    x.iter().sum()
}

#[profiled_op("scale", shapes(factor))]
fn scale(factor: f32) -> Vec<f32> {
    vec![factor; 64]
}

#[profiled_stage("diffuse")]
fn diffuse(x: &[f32]) -> f32 {
    linear(x) + scale(2.0).iter().sum::<f32>()
}

#[profiled_step("denoise_step", index = 10 * step)]
fn denoise_step(step: u64, x: &[f32]) -> f32 {
    diffuse(x)
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

/// Records guards that end in another order than they began, unusual names, ranges of no length,
/// and one that stays open.
fn oddities() {
    let outer = stage!("outer");
    let inner = stage!("inner");
    drop(op!("child of inner"));
    drop(outer);
    drop(op!("after outer"));
    drop(inner);
    for name in ["\u{65e5}\u{672c} \u{1f680}", "\"quoted\" \\", "line\nbreak\ttab", "<b>&amp;</b>", "a;b", "ends in \\"]
    {
        drop(stage(name));
    }
    (0..200).for_each(|_| drop(op!("short")));
    std::mem::forget(stage!("stays open"));
}

/// Runs GPU work through the doubles of CUDA's libraries, if they are present: overlapping kernels,
/// copies, a graph, waits.
fn gpu_work() {
    if std::env::var_os("PROFILER_CUPTI_LIB").is_none() {
        return;
    }
    let device = Device::open();
    for index in 0..3u64 {
        let _step = step!("gpu_step", index);
        let _stage = stage!("transformer");
        device.memory(1, 0x1000 * (index + 1), 512);
        device.fill(7, 4096, 2_000);
        {
            let _op = op!("attention");
            device.kernel(c"_Z6vecAddPfS_S_i", 7, 20_000);
            device.runtime_kernel(c"softmax", 13, 30_000);
        }
        device.graph(c"graph_node".as_ptr(), 7, 4);
        device.copy(9, 1 << 20, 10_000);
    }
    device.memory(2, 0x1000, 512);
    device.wait(7);
    thread::scope(|scope| {
        scope.spawn(|| device.kernel(c"of_nobody", 21, 5_000));
    });
}

fn main() {
    let folder = std::env::args().nth(1).expect("the folder to write into");
    try_make_context();
    let names = match std::env::args().nth(2).as_deref() {
        None => CudaApiNames::Called,
        Some("runtime") => CudaApiNames::Runtime,
        Some("tensorboard") => CudaApiNames::Tensorboard,
        Some(names) => panic!("unknown names `{names}`"),
    };
    let is_called = names == CudaApiNames::Called;
    let config = ProfilerConfig::torch(folder)
        .trace_format(if is_called { TraceFormat::Both } else { TraceFormat::Chrome })
        .cuda_api_names(names)
        .torch_profiler_record_shapes(true)
        .torch_profiler_with_flops(true)
        .torch_profiler_with_stack(true)
        .torch_profiler_with_memory(true)
        .cuda_sync_events(is_called)
        .step_of(if is_called { "denoise_step" } else { "gpu_step" });
    start_profile_with(config).unwrap();
    let mut prefetch = pin!(prefetch());
    assert!(!poll(prefetch.as_mut()).is_ready());
    thread::sleep(Duration::from_millis(1));
    assert!(poll(prefetch.as_mut()).is_ready());
    let mut encoders = [pin!(encode()), pin!(encode())];
    encoders.iter_mut().for_each(|encoder| assert!(!poll(encoder.as_mut()).is_ready()));
    let [first, second] = &mut encoders;
    thread::scope(|scope| {
        scope.spawn(|| assert!(poll(first.as_mut()).is_ready()));
        thread::Builder::new().name("worker".into()).spawn_scoped(scope, || diffuse(&[1.0; 8])).unwrap();
    });
    {
        let _request = request("request \"7\"");
        assert!((0..4).all(|step| denoise_step(step, &[1.0; 32]) > 0.0));
    }
    assert!(poll(second.as_mut()).is_ready());
    gpu_work();
    oddities();
    stop_profile().unwrap().wait().unwrap();
}
