//! F12: an unknown return type is one error.

use profiler_runtime::profiled_stage;

#[profiled_stage]
fn decode(latents: u32) -> Tensor {
    latents
}

#[profiled_stage]
async fn encode(text: u32) -> Tensor {
    text
}

fn main() {}
