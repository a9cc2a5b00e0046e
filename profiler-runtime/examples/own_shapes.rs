//! Records the shapes of tensors that the profiler does not know, and groups operators by them.
//!
//! ```text
//! cargo run -p profiler-runtime --example own_shapes
//! ```

#![allow(clippy::print_stdout)]

use profiler_runtime::artifacts::GroupBy;
use profiler_runtime::shape::{Dims, Dtype, ShapeWriter, Shaped};
use profiler_runtime::{Error, ProfilerConfig, flops, profiled_op, start_profile_with, stop_profile};

struct Tensor(Vec<usize>);

impl Shaped for Tensor {
    fn write_shape(&self, out: &mut ShapeWriter) {
        out.tensor(Dtype::Bf16, &self.0);
    }
}

#[profiled_op("linear", shapes(x, w), flops = flops::linear(&x.0, &w.0))]
fn linear(x: &Tensor, w: &Tensor) {}

// A foreign type needs no implementation: give its dims and its type.
#[profiled_op("relu", shapes(Dims(dims, Dtype::F32)))]
fn relu(dims: &[usize]) {}

fn main() -> Result<(), Error> {
    let config = ProfilerConfig::torch("./perf").torch_profiler_record_shapes(true).torch_profiler_with_flops(true);
    start_profile_with(config)?;
    linear(&Tensor(vec![1, 77, 512]), &Tensor(vec![2048, 512]));
    relu(&[1, 77, 2048]);
    let stopped = stop_profile()?;
    println!("{}", stopped.key_averages(GroupBy::InputShapes)?);
    println!("{}", stopped.wait()?.summary());
    Ok(())
}
