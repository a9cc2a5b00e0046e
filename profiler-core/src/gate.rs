//! The gate: one atomic word whose bits say what an annotated function has to do.
//!
//! The gate is 0 while nothing records and no tool is attached; an annotated function then costs a
//! relaxed load and a branch. `RECORD` alone selects the fast path. Any bit of [`SLOW`] sends the
//! range through the out-of-line path. The runtime's session sets the recording bits, `hooks::tool`
//! sets the bits of an attached tool, and neither touches the other's.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::process::{self, Part, PerProcess};

/// Ranges are recorded.
pub const RECORD: u32 = 1;
/// A session counts steps, whether or not it is recording now.
pub const STEPS: u32 = 1 << 1;
/// Only ranges that `select` admits are recorded.
pub const FILTER: u32 = 1 << 2;
/// Input shapes of ops are recorded.
pub const SHAPES: u32 = 1 << 3;
/// FLOPs of ops are recorded.
pub const FLOPS: u32 = 1 << 4;
/// Ticks are read from the operating system's clock.
pub(crate) const SLOW_CLOCK: u32 = 1 << 5;

/// Allocations are recorded.
pub const MEMORY: u32 = 1 << 8;

/// The CPU time of stages and steps is recorded.
pub const CPU_TIME: u32 = 1 << 9;

/// The call stack of every range is recorded.
pub const STACKS: u32 = 1 << 7;

/// The gate is open although nothing records; `publish` adds this bit.
const NOT_RECORDING: u32 = 1 << 6;

/// An attached tool is shown all ranges, recorded or not.
pub const NVTX: u32 = 1 << 16;
/// Ranges are reported to the GPU's profiler (`hooks::correlation`).
pub const GPU: u32 = 1 << 17;
/// Ranges that name a GPU stream are timed on it (`hooks::gpu_time`); other ranges are unaffected.
pub const EVENTS: u32 = 1 << 18;
/// Threads must leave their current chunk, because the source of chunks has changed. Ranges begin
/// out of line until every thread has left.
pub const MOVING: u32 = 1 << 20;
/// The process was forked from one that has a session. The first range warns about it and clears
/// the bit (`hooks::warning`).
pub(crate) const FORKED: u32 = 1 << 21;
/// No tool has been probed for yet. The first range probes and clears the bit (`hooks::tool`).
pub(crate) const TOOL_NOT_PROBED: u32 = 1 << 31;

/// Bits that the fast path cannot serve, tested together.
pub(crate) const SLOW: u32 =
    FILTER | SLOW_CLOCK | NOT_RECORDING | STACKS | CPU_TIME | NVTX | GPU | MOVING | FORKED | TOOL_NOT_PROBED;

/// Initial value of the gate.
const FIRST: u32 = if cfg!(feature = "enable") { TOOL_NOT_PROBED } else { 0 };

/// The gate, alone on its cache lines: every range reads it, and writes to neighbouring data would
/// slow all ranges down.
#[repr(align(128))]
struct Gate(AtomicU32);

static GATE: Gate = Gate(AtomicU32::new(FIRST));
/// The session's part of the gate.
static SESSION: AtomicU32 = AtomicU32::new(0);
/// The tool's part of the gate.
static TOOL: AtomicU32 = AtomicU32::new(FIRST);
/// Lock that serializes changes of either part.
static CHANGES: PerProcess<Mutex<()>> = PerProcess::new(|_| Mutex::default());

/// Number of recordings that have begun in this process.
static RECORDINGS: AtomicU32 = AtomicU32::new(0);

/// Returns the gate's current bits.
#[inline(always)]
pub fn load() -> u32 {
    // ORDERING: a thread may see a start or stop late; streams publish entries through their own
    // release stores.
    GATE.0.load(Ordering::Relaxed)
}

/// Sets the session's bits; adds [`SLOW_CLOCK`] if the machine needs it.
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

/// Returns the number of the current recording, from 1. Tasks compare it to find out whether this
/// recording already has their description.
pub(crate) fn recording() -> u32 {
    // ORDERING: see `load`.
    RECORDINGS.load(Ordering::Relaxed)
}

/// Sets the tool's bits: [`NVTX`] or none.
pub(crate) fn set_tool(bits: u32) {
    // ORDERING: under the lock.
    change(|| TOOL.store(TOOL.load(Ordering::Relaxed) & TOOL_NOT_PROBED | bits, Ordering::Relaxed));
}

/// Returns whether no tool has been probed for yet.
pub(crate) fn needs_tool_probe() -> bool {
    // ORDERING: set once; the `Once` in `hooks::tool` decides.
    TOOL.load(Ordering::Relaxed) & TOOL_NOT_PROBED != 0
}

/// Clears [`TOOL_NOT_PROBED`] once a tool has been probed for.
pub(crate) fn set_tool_probed() {
    // ORDERING: under the lock.
    change(|| {
        TOOL.fetch_and(!TOOL_NOT_PROBED, Ordering::Relaxed);
    });
}

fn change(part: impl FnOnce()) {
    process::on_fork(Part::Gate, become_child);
    let _changes = CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
    part();
    publish();
}

fn publish() {
    // ORDERING: under the lock, or in a process that has one thread.
    let bits = SESSION.load(Ordering::Relaxed) | TOOL.load(Ordering::Relaxed);
    let added = match bits {
        0 => 0,
        // This arm comes before the clock is asked: a child that was just forked may not read
        // files.
        _ if bits & RECORD == 0 => NOT_RECORDING,
        _ if crate::clock::is_fast() => 0,
        _ => SLOW_CLOCK,
    };
    // ORDERING: see `load`.
    GATE.0.store(bits | added, Ordering::Relaxed);
}

/// Clears [`MOVING`], after every thread has left its former chunk.
pub fn moved() {
    if load() & MOVING != 0 {
        // ORDERING: under the lock.
        change(|| {
            SESSION.fetch_and(!MOVING, Ordering::Relaxed);
        });
    }
}

/// Resets the gate in a child that was just forked: the session stays the parent's, the tool is
/// kept. Takes no lock.
fn become_child() {
    // ORDERING: see `publish`.
    if SESSION.load(Ordering::Relaxed) != 0 {
        SESSION.store(FORKED, Ordering::Relaxed);
    }
    publish();
}

/// Returns whether the fork of this process has not been reported yet; true once.
pub(crate) fn take_forked() -> bool {
    let mut was_forked = false;
    // ORDERING: under the lock.
    change(|| was_forked = SESSION.fetch_and(!FORKED, Ordering::Relaxed) & FORKED != 0);
    was_forked
}
