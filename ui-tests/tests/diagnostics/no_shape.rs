//! An input without a shape: the error says how to give a tensor's dims.

use profiler_runtime::profiled_op;

struct Tensor;

#[profiled_op("relu", shapes(x))]
fn relu(x: &Tensor) {}

fn main() {
    relu(&Tensor);
}
