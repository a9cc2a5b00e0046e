//! An annotated function that nobody calls is still reported.

#![deny(dead_code)]

use profiler_runtime::{profiled_op, profiled_stage};

#[profiled_stage]
fn function() {}

#[profiled_stage]
async fn later() {}

struct Vae;

impl Vae {
    #[profiled_op]
    fn decode(&self) {}
}

fn main() {
    let _ = Vae;
}
