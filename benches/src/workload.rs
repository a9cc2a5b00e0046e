//! The workload that all subjects annotate, small enough that the annotation dominates the
//! measurement.

use std::hint::black_box;

/// Number of spans per unit of a tool: a root span of fastrace, a frame of puffin.
///
/// Their users have one unit per request or frame, and fastrace drops spans above 10,240 per unit.
pub const SPANS_PER_UNIT: u64 = 1_000;

/// Number of nested spans per outermost call in the nested scenario.
pub const DEPTH: u32 = 8;

/// Performs one multiplication that cannot be optimised away, which takes about a nanosecond.
#[inline(always)]
pub fn work(x: u64) -> u64 {
    black_box(x.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// Calls `span` once per span.
#[inline(always)]
pub fn flat(spans: u64, span: impl Fn(u64) -> u64) {
    for x in 0..spans {
        black_box(span(black_box(x)));
    }
}

/// Calls `nested` often enough for `spans` spans, `DEPTH` of them nested in each call.
#[inline(always)]
pub fn nested(spans: u64, nested: impl Fn(u32, u64) -> u64) {
    for x in 0..spans / u64::from(DEPTH) {
        black_box(nested(black_box(DEPTH), x));
    }
}

/// Divides `spans` into units, and calls `unit` with the number of spans of each.
#[inline(always)]
pub fn in_units(spans: u64, unit: impl Fn(u64)) {
    let mut remaining = spans;
    while remaining > 0 {
        let size = remaining.min(SPANS_PER_UNIT);
        unit(size);
        remaining -= size;
    }
}
