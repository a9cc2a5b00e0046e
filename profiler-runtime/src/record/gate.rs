//! The gate: one word that holds every reason to leave the off path.
//!
//! It is 0 while nothing records; then an annotated function costs one relaxed load and a branch. `RECORD` alone is the
//! fast path; a bit in [`SLOW`] sends a range through the out-of-line path that can do more. Only `session` writes it.

use std::sync::atomic::{AtomicU32, Ordering};

/// Ranges are recorded.
pub(crate) const RECORD: u32 = 1;
/// A session counts steps, whether or not it records at the moment.
pub(crate) const STEPS: u32 = 1 << 1;
/// Only the ranges that `select` admits are recorded.
pub(crate) const FILTER: u32 = 1 << 2;
/// Input shapes of ops are recorded.
pub(crate) const SHAPES: u32 = 1 << 3;
/// FLOPs of ops are recorded.
pub(crate) const FLOPS: u32 = 1 << 4;
/// Ticks come from the operating system.
pub(crate) const SLOW_CLOCK: u32 = 1 << 5;

/// Allocations are recorded.
pub(crate) const MEMORY: u32 = 1 << 8;

/// The call stack of every range is recorded.
pub(crate) const STACKS: u32 = 1 << 7;

/// Something else than recording opened the gate: `set` adds it.
const NOT_RECORDING: u32 = 1 << 6;

/// Bits that the fast path does not serve: one test tells.
pub(crate) const SLOW: u32 = FILTER | SLOW_CLOCK | NOT_RECORDING | STACKS;

static GATE: AtomicU32 = AtomicU32::new(0);

/// The gate's bits now.
#[inline(always)]
pub(crate) fn load() -> u32 {
    // ORDERING: a thread may see a start or a stop late; buffers are handed over through their own release stores.
    GATE.load(Ordering::Relaxed)
}

/// Sets the gate; [`SLOW_CLOCK`] is added where the machine needs it.
pub(crate) fn set(bits: u32) {
    let added = match bits {
        0 => 0,
        _ if bits & RECORD == 0 => NOT_RECORDING,
        _ if super::clock::is_fast() => 0,
        _ => SLOW_CLOCK,
    };
    // ORDERING: see `load`.
    GATE.store(bits | added, Ordering::Relaxed);
}
