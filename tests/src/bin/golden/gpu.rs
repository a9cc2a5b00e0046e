//! Scenarios of the GPU, with doubles: CUPTI's records, CUDA events, and the capture range.

use std::path::Path;

use profiler_runtime::config::{Activities, CudaApiNames, GpuTiming};
use profiler_runtime::{ProfilerConfig, op, op_on, profiled_stage, request, stage, stage_on, step, step_on};

use super::script::{everything, on_thread, pass, poll, record, wait};
use profiler_tests::gpu::streams::Cuda;
use profiler_tests::gpu::{Device, make_context};

/// A task with one kernel before it waits and one after, so that its stage is two polls with GPU
/// time of their own.
#[profiled_stage("task")]
async fn task(device: &Device) {
    device.kernel(c"of a task", 30, 9_000);
    wait().await;
    device.kernel(c"of a task", 30, 9_000);
}

fn steps(device: &Device) {
    for index in 0..2_u64 {
        let _step = step!("denoise_step", index);
        let _stage = stage!("transformer");
        device.memory(1, 0x1000 * (index + 1), 512);
        device.fill(7, 4096, 2_000);
        {
            let _op = op!("attention", shapes([1.0_f32; 4]), flops = 64);
            device.kernel(c"_Z6vecAddPfS_S_i", 7, 20_000);
            device.runtime_kernel(c"softmax", 13, 30_000);
        }
        device.graph(c"graph_node".as_ptr(), 7, 3);
        device.copy(9, 1 << 20, 10_000);
        pass(40);
    }
}

/// Records overlapping kernels, copies, fills, a graph, memory, waits, events, two devices, threads
/// and tasks.
pub(crate) fn cupti(folder: &Path) {
    make_context();
    let device = Device::open();
    record(everything(folder).torch_profiler_with_memory(true).cuda_sync_events(true), || {
        steps(&device);
        device.memory(2, 0x1000, 512);
        device.peer_copy(9, 1 << 16, 5_000);
        device.record_event(7, 1);
        device.wait_for_event(13, 1);
        device.wait_for_event(u32::MAX, 1);
        device.wait(7);
        on_thread(Some("launcher"), || {
            device.kernel(c"of_nobody", 21, 5_000);
            let _worker = stage!("worker");
            device.kernel(c"of_a_worker", 21, 5_000);
        });
        device.choose(1);
        device.kernel(c"on the other device", 7, 4_000);
        device.choose(0);
        let mut task = std::pin::pin!(task(&device));
        while !poll(task.as_mut()) {
            pass(3);
        }
        device.unfinished(c"endless".as_ptr(), 7);
        pass(100);
    });
}

/// Records calls of the driver under the runtime's names.
pub(crate) fn renamed(folder: &Path) {
    make_context();
    let device = Device::open();
    record(everything(folder).cuda_api_names(CudaApiNames::Runtime), || steps(&device));
}

/// Records the GPU without any ranges.
pub(crate) fn alone(folder: &Path) {
    make_context();
    let device = Device::open();
    record(everything(folder).torch_profiler_activities(Activities::CUDA), || steps(&device));
}

pub(crate) fn events(folder: &Path) {
    let cuda = Cuda::open();
    let (one, two) = (cuda.stream(), cuda.stream());
    record(everything(folder).gpu_timing(GpuTiming::Events), || {
        let _request = request("r1");
        for index in 0..2 {
            let _step = step_on!(one, "denoise_step", index);
            let _stage = stage_on!(one, "transformer");
            let _op = op_on!(one, "attention", flops = 1000);
            cuda.work(one, 100);
            pass(120);
        }
        let _vae = stage_on!(two, "vae.decode");
        cuda.work(two, 400);
        drop(stage!("on the host"));
    });
}

pub(crate) fn capture(folder: &Path) {
    make_context();
    record(ProfilerConfig::cuda().output_dir(folder).delay_iterations(1).max_iterations(2), || {
        for index in 0..4 {
            let _step = step!("denoise_step", index);
            let _stage = stage!("transformer");
            pass(10);
        }
    });
}
