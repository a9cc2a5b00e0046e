//! Names that no artifact can show.

use profiler_runtime::{profiled_op, profiled_stage, profiled_step};

#[profiled_stage("")]
fn empty() {}

#[profiled_stage(name = "  ")]
fn blank() {}

#[profiled_step("denoise\0step")]
fn nul() {}

#[profiled_op(42)]
fn number() {}

#[profiled_op(name = name())]
fn call() {}

#[profiled_stage(b"bytes")]
fn bytes() {}

#[profiled_stage(vae.decode)]
fn without_quotes() {}

#[profiled_stage(crate = ::profiler_runtime, "late")]
fn late() {}

fn main() {
    empty();
    blank();
    nul();
    number();
    call();
    bytes();
    without_quotes();
    late();
}
