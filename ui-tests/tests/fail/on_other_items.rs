//! The other items that are not functions.

use profiler_runtime::{profiled_op, profiled_stage, profiled_step};

struct Vae;

#[profiled_stage]
impl Vae {
    fn decode(&self) {}
}

#[profiled_step]
trait Scheduler {
    fn step(&self) {}
}

#[profiled_op]
enum Expert {
    High,
}

#[profiled_stage]
mod text {
    pub fn encode() {}
}

#[profiled_stage]
const STEPS: fn() = text::encode;

#[profiled_stage]
static SHIFT: fn() = text::encode;

#[profiled_stage]
type Latents = Vec<f32>;

#[profiled_stage]
use std::vec::Vec as Frames;

#[profiled_op]
unsafe extern "C" {
    safe fn abs(n: i32) -> i32;
}

impl Scheduler for Vae {}

fn main() {
    Vae.decode();
    Vae.step();
    let _: (Expert, Latents, Frames<u8>) = (Expert::High, vec![], vec![]);
    STEPS();
    SHIFT();
    abs(1);
}
