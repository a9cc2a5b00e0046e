//! The function body that every subject annotates, small enough that what is measured is the
//! annotation.

use std::hint::black_box;

/// Spans between two of a tool's own units: a root span of fastrace, a frame of puffin.
///
/// Their users have such a unit per request or frame, and fastrace drops what exceeds 10,240 spans
/// in one.
pub const SPANS_PER_UNIT: u64 = 1_000;

/// Nested spans per outermost call in the nested scenario.
pub const DEPTH: u32 = 8;

/// One multiplication that the optimiser cannot see through: about a nanosecond.
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

/// Calls `nested` so often that it makes `spans` spans, `DEPTH` of them inside each other.
#[inline(always)]
pub fn nested(spans: u64, nested: impl Fn(u32, u64) -> u64) {
    for x in 0..spans / u64::from(DEPTH) {
        black_box(nested(black_box(DEPTH), x));
    }
}

/// Cuts `spans` into units and runs `unit` for each with its number of spans.
#[inline(always)]
pub fn in_units(spans: u64, unit: impl Fn(u64)) {
    let mut left = spans;
    while left > 0 {
        let now = left.min(SPANS_PER_UNIT);
        unit(now);
        left -= now;
    }
}
