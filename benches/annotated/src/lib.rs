//! A library that annotates its functions; the application decides whether they are recorded.
//!
//! The attributes expand in this crate instead of the bench's, so calls into the profiler cross the
//! same crate boundaries as in a real library. The bodies do the same work as the bench's own.

use std::hint::black_box;

use profiler_core::{profiled_stage, stage};

/// Runs the work in an annotated function.
#[profiled_stage("bench.library")]
#[inline(never)]
pub fn span(x: u64) -> u64 {
    work(x)
}

/// Runs the work under a guard.
#[inline(never)]
pub fn block(x: u64) -> u64 {
    let _block = stage!("bench.library_block");
    work(x)
}

#[inline(always)]
fn work(x: u64) -> u64 {
    black_box(x.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}
