//! All names of `profiler-core` that a library can use, without recording.

#![no_std]

use core::future::Future;
use core::panic::PanicInfo;

use profiler_core::memory::{Device, record_alloc, record_free, record_out_of_memory};
use profiler_core::request::CurrentRequest;
use profiler_core::shape::{Dims, Dtype, ShapeWriter, Shaped};
use profiler_core::{
    Range, current_request, op, profiled_op, profiled_stage, profiled_step, request, request_scope, stage, step,
};

#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    loop {}
}

/// A user-defined tensor.
pub struct Tensor([usize; 2]);

impl Shaped for Tensor {
    fn write_shape(&self, out: &mut ShapeWriter) {
        out.strided(Dtype::F32, &self.0, [1, 2]);
        out.tensor(Dtype::F32, &self.0);
        out.scalar();
    }
}

#[profiled_op("matmul", shapes(a, (b, 2_u32), Dims(&a.0, Dtype::F16)), flops = 2 * b.len(), args(rows = a.0[0]))]
fn matmul(a: &Tensor, b: &[f32]) -> usize {
    a.0[0] * b.len()
}

#[profiled_step(index = step)]
fn denoise(step: usize) -> usize {
    let _step = step!("inner", step, args(n = step));
    matmul(&Tensor([step, 2]), &[0.0; 3])
}

/// Runs all of it.
#[unsafe(no_mangle)]
#[profiled_stage("generate")]
pub extern "C" fn generate(steps: usize) -> usize {
    let _request: Range = request("id");
    let _stage = stage!("part", args(steps = steps));
    let tensor = Tensor([1, 2]);
    let _op =
        op!("block", shapes(tensor, &[1_u8; 4][..], Dims(&[2_i64], Dtype::I64)), flops = 2 * steps, args(n = -1_i8));
    let guards = [stage("named at run time"), op("op"), step("step")];
    record_alloc(Device::Cuda(0), 64, 16);
    record_free(Device::Cuda(0), 64, 16);
    record_out_of_memory(Device::Cpu, 1);
    let current: CurrentRequest = current_request();
    drop(guards);
    current.run(|| (0..steps).map(denoise).sum())
}

/// A function that returns a future.
pub fn served(steps: usize) -> impl Future<Output = usize> {
    request_scope("id", async move { generate(steps) })
}
