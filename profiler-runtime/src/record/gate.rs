//! The gate: one word that holds every reason to leave the off path.
//!
//! It is 0 while nothing records and no tool is attached; then an annotated function costs one relaxed load and a branch.
//! `RECORD` alone is the fast path; a bit in [`SLOW`] sends a range through the out-of-line path that can do more.
//! `session` says what is recorded, `annotate` whether a tool is shown ranges; neither touches the other's bits.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

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

/// The CPU time of stages and steps is recorded.
pub(crate) const CPU_TIME: u32 = 1 << 9;

/// The call stack of every range is recorded.
pub(crate) const STACKS: u32 = 1 << 7;

/// Something else than recording opened the gate: `set` adds it.
const NOT_RECORDING: u32 = 1 << 6;

/// Ranges are shown to an attached tool, whether or not they are recorded.
pub(crate) const NVTX: u32 = 1 << 16;
/// The ranges of this thread are told to the GPU's profiler (`correlate`).
pub(crate) const GPU: u32 = 1 << 17;
/// Ranges that name a stream of the GPU are timed on it (`collect::events`); others take no notice.
pub(crate) const EVENTS: u32 = 1 << 18;
/// Threads leave the chunk that they write (`spool`): until the last one has, ranges begin out of line.
pub(crate) const MOVING: u32 = 1 << 20;
/// Nobody has looked for a tool yet: the first range does, and clears it (`annotate::seek`).
pub(crate) const UNSOUGHT: u32 = 1 << 31;

/// Bits that the fast path does not serve: one test tells.
pub(crate) const SLOW: u32 = FILTER | SLOW_CLOCK | NOT_RECORDING | STACKS | CPU_TIME | NVTX | GPU | MOVING | UNSOUGHT;

/// The gate of a program that has run nothing yet.
const FIRST: u32 = if cfg!(feature = "enable") { UNSOUGHT } else { 0 };

/// The gate, alone on its cache lines: every range reads it, and a neighbour that is written would slow all of them.
#[repr(align(128))]
struct Gate(AtomicU32);

static GATE: Gate = Gate(AtomicU32::new(FIRST));
/// What the gate is made of; the lock orders those who change it.
static PARTS: Mutex<Parts> = Mutex::new(Parts { session: 0, tool: FIRST });

struct Parts {
    session: u32,
    tool: u32,
}

/// Recordings that have begun.
static RECORDINGS: AtomicU32 = AtomicU32::new(0);

/// The gate's bits now.
#[inline(always)]
pub(crate) fn load() -> u32 {
    // ORDERING: a thread may see a start or a stop late; buffers are handed over through their own release stores.
    GATE.0.load(Ordering::Relaxed)
}

/// Sets what a session needs; [`SLOW_CLOCK`] is added where the machine needs it.
pub(crate) fn set(session: u32) {
    change(|parts| {
        if session & RECORD != 0 {
            // ORDERING: published by the gate, or seen late as the gate is.
            RECORDINGS.fetch_add(1, Ordering::Relaxed);
        }
        parts.session = session;
    });
}

/// Returns the number of the recording that goes on, from 1: what was told in an earlier one has to be told again.
pub(super) fn recording() -> u32 {
    // ORDERING: see `load`.
    RECORDINGS.load(Ordering::Relaxed)
}

/// Sets what an attached tool needs: [`NVTX`] or nothing.
pub(super) fn set_tool(bits: u32) {
    change(|parts| parts.tool = parts.tool & UNSOUGHT | bits);
}

/// A tool has been looked for.
pub(super) fn sought() {
    change(|parts| parts.tool &= !UNSOUGHT);
}

fn change(part: impl FnOnce(&mut Parts)) {
    let mut parts = PARTS.lock().unwrap_or_else(PoisonError::into_inner);
    part(&mut parts);
    let bits = parts.session | parts.tool;
    let added = match bits {
        0 => 0,
        _ if bits & RECORD == 0 => NOT_RECORDING,
        _ if super::clock::is_fast() => 0,
        _ => SLOW_CLOCK,
    };
    // ORDERING: see `load`.
    GATE.0.store(bits | added, Ordering::Relaxed);
}

/// Every thread has left the chunk that it wrote.
pub(super) fn moved() {
    if load() & MOVING != 0 {
        change(|parts| parts.session &= !MOVING);
    }
}

/// Nothing is recorded from here on. Takes no lock: for a process that was just forked off.
pub(super) fn shut_for_good() {
    // ORDERING: see `load`.
    GATE.0.store(0, Ordering::Relaxed);
}
