//! The trace of a session: the complete recording, as every exporter sees it.
//!
//! ```text
//! Recording ─► first_pass (the threads' streams, one after the other) ─► build ─► Trace ─► walk
//!               second_pass (all rows merged by time, if there are several, or tasks, or kept requests) ─┘
//! ```

mod build;
mod first_pass;
mod second_pass;
mod walk;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::records::frames::Symbols;
use crate::records::unavailable::Unavailable;
use profiler_core::site::{Kind, Site};
use profiler_core::stream::losses::Losses as RecorderLosses;
use profiler_core::stream::registry::{Log, ThreadIdentity};

use super::context::Context;
use super::decode::{ArgumentCounts, Crossings, Decoder};
use super::gpu::Gpu;
use super::memory::Memory;
use super::ops::OpTable;
use super::pace::Jump;
use super::requests::Requests;
use super::slice::Slice;
use super::stages::StageTree;
use super::steps::StepLoop;
use super::tasks::{Task, Tasks};
use super::time::{Reading, Timeline};

pub(crate) use walk::{Edge, EdgeWalk, Walk};

/// A session's recording. Times are nanoseconds since the Unix epoch.
pub struct Trace {
    /// Process and session of the recording.
    pub context: Context,
    /// Begin of the recording.
    pub begin: u64,
    /// End of the recording.
    pub end: u64,
    /// Maximum error of a real-time position.
    pub(crate) clock_uncertainty_ns: u64,
    /// Readings of the host's clocks at start and end, by which a merge aligns the ranks.
    pub(crate) readings: [Reading; 2],
    /// Jumps of one clock relative to the others, in nanoseconds since the Unix epoch.
    pub(crate) clock_jumps: Vec<Jump>,
    /// Threads, one row each plus their lanes.
    pub(crate) threads: Vec<Thread>,
    /// Number of slices that walks have visited, updated every few thousand; an export's progress
    /// is computed from it.
    pub(crate) walked: Arc<AtomicU64>,
    /// Number of slices of all threads.
    pub ranges: u64,
    /// Tree of all stages.
    pub(crate) stages: StageTree,
    /// Time of the recording in which no top-level stage ran on any thread.
    pub(crate) unaccounted_ns: u64,
    /// Loops of steps, the driving one first.
    pub(crate) loops: Vec<StepLoop>,
    /// Requests of the session.
    pub(crate) requests: Requests,
    /// Lives of async ranges, in order of start.
    pub(crate) tasks: Tasks,
    /// Groups of the operator tables; they outlive the trace.
    pub(crate) ops: Arc<OpTable>,
    /// Allocations, if they were recorded.
    pub(crate) memory: Option<Memory>,
    /// Losses of the recording.
    pub(crate) losses: Losses,
    /// Numbers of arguments and call stacks that calls recorded.
    pub(crate) argument_counts: ArgumentCounts,
    /// Sites that recorded the shape of a list of `usize`, which may be the dims of a tensor.
    pub(crate) listed_dims: Vec<&'static Site>,
    /// Symbols of the call stacks' addresses.
    pub(crate) symbols: Symbols,
    /// The GPU's work, or the reason why it is unknown.
    pub(crate) gpu: Result<Gpu, Unavailable>,
    log: Log,
    sites: Vec<&'static Site>,
    timeline: Timeline,
    profiler_steps: HashMap<u64, u64>,
}

/// Losses visible in the threads' streams; other losses are counted where they happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// Ranges that exceeded the buffer budget, per thread name.
    pub(crate) buffer_full: Vec<(String, u64)>,
    /// Losses that the recorder counted by cause.
    pub(crate) recorder: RecorderLosses,
    /// Ranges that began while the recorder was writing to its stream.
    pub(crate) reentered: u64,
    /// Ends of ranges that began before the recording.
    pub(crate) began_before: u64,
    /// Ranges that later ones overwrote, or that are older than the kept part.
    pub(crate) overwritten: u64,
    /// Ranges that began before the kept part.
    pub(crate) clipped: u64,
    /// Ranges that were open when the recording ended.
    pub(crate) unfinished: u64,
    /// Entries that this version cannot read.
    pub(crate) unreadable: u64,
    /// Ranges whose names were merged because the process used too many.
    pub(crate) merged_ranges: u64,
}

/// One thread of the recording.
#[derive(Clone, Debug)]
pub(crate) struct Thread {
    /// Identity of the thread.
    pub(crate) identity: ThreadIdentity,
    /// Number of its slices.
    pub(crate) ranges: u64,
    /// Number of extra rows, for ranges that cross others.
    pub(crate) lanes: u32,
    first_id: u64,
    crossings: Crossings,
}

impl Trace {
    /// Returns whether the recording has no range and no loop.
    pub fn is_empty(&self) -> bool {
        self.ranges == 0 && self.loops.is_empty()
    }

    /// Returns the reason why there is no GPU part; `None` if there is one.
    pub fn gpu_absent(&self) -> Option<&Unavailable> {
        self.gpu.as_ref().err()
    }

    /// Returns a decoder of one thread's stream, positioned at its start.
    pub(in crate::model) fn decoder(&self, thread: usize) -> Option<Decoder<'_>> {
        let Thread { first_id, crossings, .. } = self.threads.get(thread)?;
        Some(Decoder::new(self.log.threads.get(thread)?, &self.timeline, &self.sites, (*first_id, crossings)))
    }

    /// Returns the `N` of a slice that is written as `ProfilerStep#N`.
    #[inline]
    pub(crate) fn profiler_step(&self, slice: &Slice) -> Option<u64> {
        if slice.site.kind() == Kind::Step { self.profiler_steps.get(&slice.external_id).copied() } else { None }
    }

    /// Returns the `N` of a life that is written as `ProfilerStep#N`.
    pub(crate) fn profiler_step_of(&self, task: &Task<'_>) -> Option<u64> {
        if task.site.kind() == Kind::Step { self.profiler_steps.get(&task.external_id).copied() } else { None }
    }

    /// Returns whether the step with this `External id` is written as `ProfilerStep#N`.
    pub(in crate::model) fn is_profiler_step(&self, external_id: u64) -> bool {
        self.profiler_steps.contains_key(&external_id)
    }

    /// Returns the end of the last event; the GPU may continue to work after the recording ends.
    pub(crate) fn shown_end(&self) -> u64 {
        self.gpu.as_ref().map_or(self.end, |gpu| self.end.max(gpu.end()))
    }

    /// Returns the process's number in a trace, in which devices are processes 0, 1, …. A process
    /// in a container may itself have such a number, and then gets another.
    pub(crate) fn shown_pid(&self) -> u32 {
        const ABOVE_EVERY_PID: u32 = 1 << 22;
        let devices = self.gpu.as_ref().map_or(0, |gpu| gpu.devices.len());
        let pid = self.context.pid;
        if (pid as usize) < devices { pid + ABOVE_EVERY_PID } else { pid }
    }
}
