//! A value of the wrong type: the error is at the user's expression.

use profiler_runtime::{profiled_op, profiled_stage};

#[profiled_stage]
fn tail() -> u32 {
    "text"
}

#[profiled_op("early", flops = 1)]
fn early(n: u32) -> Result<u32, String> {
    if n == 0 {
        return Err(0);
    }
    Ok(n)
}

#[profiled_stage]
fn semicolon() -> u32 {
    5;
}

#[profiled_stage]
fn unit() {
    5
}

#[profiled_stage]
#[track_caller]
fn guarded() -> u32 {
    "text"
}

fn main() {}
