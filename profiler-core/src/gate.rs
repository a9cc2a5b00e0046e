//! The gate: one word that holds every reason to leave the off path.
//!
//! It is 0 while nothing records and no tool is attached; then an annotated function costs a
//! relaxed load and a branch. `RECORD` alone is the fast path; a bit in [`SLOW`] sends a range
//! through the out-of-line path that can do more. `session` decides what is recorded, `hooks::tool`
//! whether a tool is shown ranges; neither touches the other's bits.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::process::{self, Part, PerProcess};

/// Ranges are recorded.
pub const RECORD: u32 = 1;
/// A session counts steps, whether or not it records at the moment.
pub const STEPS: u32 = 1 << 1;
/// Only the ranges that `select` admits are recorded.
pub const FILTER: u32 = 1 << 2;
/// Input shapes of ops are recorded.
pub const SHAPES: u32 = 1 << 3;
/// FLOPs of ops are recorded.
pub const FLOPS: u32 = 1 << 4;
/// Ticks come from the operating system.
pub(crate) const SLOW_CLOCK: u32 = 1 << 5;

/// Allocations are recorded.
pub const MEMORY: u32 = 1 << 8;

/// The CPU time of stages and steps is recorded.
pub const CPU_TIME: u32 = 1 << 9;

/// The call stack of every range is recorded.
pub const STACKS: u32 = 1 << 7;

/// Something other than recording opened the gate: `publish` adds this bit.
const NOT_RECORDING: u32 = 1 << 6;

/// Ranges are shown to an attached tool, whether or not they are recorded.
pub const NVTX: u32 = 1 << 16;
/// The ranges of this thread are reported to the GPU's profiler (`hooks::correlation`).
pub const GPU: u32 = 1 << 17;
/// Ranges that name a stream of the GPU are timed on it (`hooks::gpu_time`); others are unaffected.
pub const EVENTS: u32 = 1 << 18;
/// Threads leave the chunk that they write (`spool`): until the last one has, ranges begin out of
/// line.
pub const MOVING: u32 = 1 << 20;
/// The process was forked from one with a session: the first range reports it, and clears the bit
/// (`hooks::forked`).
pub(crate) const FORKED: u32 = 1 << 21;
/// No tool has been looked for yet: the first range looks for one, and clears the bit
/// (`hooks::tool`).
pub(crate) const UNSOUGHT: u32 = 1 << 31;

/// Bits that the fast path does not serve: one test covers them all.
pub(crate) const SLOW: u32 =
    FILTER | SLOW_CLOCK | NOT_RECORDING | STACKS | CPU_TIME | NVTX | GPU | MOVING | FORKED | UNSOUGHT;

/// The gate of a program that has run nothing yet.
const FIRST: u32 = if cfg!(feature = "enable") { UNSOUGHT } else { 0 };

/// The gate, alone on its cache lines: every range reads it, and writes to a neighbour would slow
/// all of them.
#[repr(align(128))]
struct Gate(AtomicU32);

static GATE: Gate = Gate(AtomicU32::new(FIRST));
/// Parts of the gate: the session's bits, and the tool's.
static SESSION: AtomicU32 = AtomicU32::new(0);
static TOOL: AtomicU32 = AtomicU32::new(FIRST);
/// Lock that orders changes of the parts.
static CHANGES: PerProcess<Mutex<()>> = PerProcess::new(|_| Mutex::default());

/// Number of recordings that have begun.
static RECORDINGS: AtomicU32 = AtomicU32::new(0);

/// Returns the gate's bits now.
#[inline(always)]
pub fn load() -> u32 {
    // ORDERING: a thread may see a start or a stop late; buffers are handed over through their own
    // release stores.
    GATE.0.load(Ordering::Relaxed)
}

/// Sets the session's bits; [`SLOW_CLOCK`] is added where the machine needs it.
pub fn set(session: u32) {
    change(|| {
        if session & RECORD != 0 {
            // ORDERING: published by the gate, or seen late as the gate is.
            RECORDINGS.fetch_add(1, Ordering::Relaxed);
        }
        // ORDERING: under the lock.
        SESSION.store(session, Ordering::Relaxed);
    });
}

/// Returns the number of the current recording, from 1: descriptions of an earlier recording have
/// to be written again.
pub(crate) fn recording() -> u32 {
    // ORDERING: see `load`.
    RECORDINGS.load(Ordering::Relaxed)
}

/// Sets the tool's bits: [`NVTX`] or nothing.
pub(crate) fn set_tool(bits: u32) {
    // ORDERING: under the lock.
    change(|| TOOL.store(TOOL.load(Ordering::Relaxed) & UNSOUGHT | bits, Ordering::Relaxed));
}

/// Returns whether a tool is still to be looked for.
pub(crate) fn is_unsought() -> bool {
    // ORDERING: set once; the `Once` of `hooks::tool` decides.
    TOOL.load(Ordering::Relaxed) & UNSOUGHT != 0
}

/// Clears the bit `UNSOUGHT`: a tool has been looked for.
pub(crate) fn sought() {
    // ORDERING: under the lock.
    change(|| {
        TOOL.fetch_and(!UNSOUGHT, Ordering::Relaxed);
    });
}

fn change(part: impl FnOnce()) {
    process::forget_with(Part::Gate, become_child);
    let _changes = CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
    part();
    publish();
}

fn publish() {
    // ORDERING: under the lock, or in a process that has one thread.
    let bits = SESSION.load(Ordering::Relaxed) | TOOL.load(Ordering::Relaxed);
    let added = match bits {
        0 => 0,
        // Tested before the clock: a child that was just forked may not read files.
        _ if bits & RECORD == 0 => NOT_RECORDING,
        _ if crate::clock::is_fast() => 0,
        _ => SLOW_CLOCK,
    };
    // ORDERING: see `load`.
    GATE.0.store(bits | added, Ordering::Relaxed);
}

/// Clears the bit `MOVING`: every thread has left the chunk that it wrote.
pub fn moved() {
    if load() & MOVING != 0 {
        // ORDERING: under the lock.
        change(|| {
            SESSION.fetch_and(!MOVING, Ordering::Relaxed);
        });
    }
}

/// Adapts the gate in a process that was just forked: the session is its parent's, the tool is its
/// own. Takes no lock.
fn become_child() {
    // ORDERING: see `publish`.
    if SESSION.load(Ordering::Relaxed) != 0 {
        SESSION.store(FORKED, Ordering::Relaxed);
    }
    publish();
}

/// Returns whether the fork of this process is still to be reported: true once.
pub(crate) fn take_forked() -> bool {
    let mut was_forked = false;
    // ORDERING: under the lock.
    change(|| was_forked = SESSION.fetch_and(!FORKED, Ordering::Relaxed) & FORKED != 0);
    was_forked
}
