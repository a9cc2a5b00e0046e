//! The trace of a session: the whole recording, as every exporter sees it.
//!
//! ```text
//! Recording ─► first_pass (every thread's stream, one after the other) ─► build ─► Trace ─► walk, edges: decoded again
//!               second_pass (all rows side by side, if there are several, or tasks, or requests that are kept) ─┘
//! ```

mod build;
mod edges;
mod first_pass;
mod second_pass;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::records::frames::Symbols;
use crate::records::unavailable::Unavailable;
use profiler_core::site::{Kind, Site};
use profiler_core::stream::losses::Losses as RecorderLosses;
use profiler_core::stream::registry::{Log, ThreadIdentity};

use super::context::Context;
use super::decode::{Crossings, Decoder, Event, NoNodes, Nodes, Told};
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

pub(crate) use edges::{Edge, EdgeWalk};

/// Everything that a session recorded. Times are nanoseconds since the Unix epoch.
pub struct Trace {
    /// Process and session of the recording.
    pub context: Context,
    /// Begin of the recording.
    pub begin: u64,
    /// End of the recording.
    pub end: u64,
    /// Bound of the error of every real-time position.
    pub(crate) clock_uncertainty_ns: u64,
    /// Readings of the host's clocks at begin and end, which place this rank beside others.
    pub(crate) readings: [Reading; 2],
    /// Jumps of one clock against the others, in nanoseconds since the Unix epoch.
    pub(crate) clock_jumps: Vec<Jump>,
    /// Rows of the trace.
    pub(crate) threads: Vec<Thread>,
    /// Slices that [`walk`](Self::walk) has shown, in thousands at a time: an export's progress is
    /// computed from it.
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
    /// Lives of async ranges, in order of begin.
    pub(crate) tasks: Tasks,
    /// Groups that the operator tables are made from; outlives the trace.
    pub(crate) ops: Arc<OpTable>,
    /// Allocations, if they were recorded.
    pub(crate) memory: Option<Memory>,
    /// Losses of the recording.
    pub(crate) losses: Losses,
    /// Number of arguments and call stacks that calls recorded.
    pub(crate) told: Told,
    /// Sites that have recorded the shape of a list of `usize`, which may be the dims of a tensor.
    pub(crate) listed_dims: Vec<&'static Site>,
    /// Names for the addresses of call stacks.
    pub(crate) symbols: Symbols,
    /// The GPU's work, or the reason why it is not known.
    pub(crate) gpu: Result<Gpu, Unavailable>,
    log: Log,
    sites: Vec<&'static Site>,
    timeline: Timeline,
    profiler_steps: HashMap<u64, u64>,
}

/// The losses that the threads' streams show; other losses are counted where they happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// Ranges for which the buffer budget had no room, per thread name.
    pub(crate) buffer_full: Vec<(String, u64)>,
    /// Losses that the recorder counted by cause.
    pub(crate) recorder: RecorderLosses,
    /// Ranges that began where the recorder itself was writing to its stream.
    pub(crate) reentered: u64,
    /// Ends whose range began before the recording.
    pub(crate) began_before: u64,
    /// Ranges that were overwritten by later ones, or are older than the part that is kept.
    pub(crate) overwritten: u64,
    /// Ranges that began before the part that is kept.
    pub(crate) clipped: u64,
    /// Ranges that were open when the recording ended.
    pub(crate) unfinished: u64,
    /// Entries that this version cannot read.
    pub(crate) unreadable: u64,
    /// Ranges whose names were merged into one, because the process had used too many.
    pub(crate) merged_ranges: u64,
}

/// Number of slices after which a walk updates the progress.
const TOLD: u64 = 4096;

/// One thread of the recording.
#[derive(Clone, Debug)]
pub(crate) struct Thread {
    /// Identity of the thread.
    pub(crate) identity: ThreadIdentity,
    /// Number of its slices.
    pub(crate) ranges: u64,
    /// Number of lanes beside its own row, for ranges that cross others.
    pub(crate) lanes: u32,
    first_id: u64,
    crossings: Crossings,
}

/// A reading of one thread's slices that can be interrupted, and continued on another thread.
pub(crate) struct Walk<'a> {
    trace: &'a Trace,
    decoder: Option<Decoder<'a>>,
    shown: u64,
}

impl Trace {
    /// Returns whether nothing was recorded: no range and no loop.
    pub fn is_empty(&self) -> bool {
        self.ranges == 0 && self.loops.is_empty()
    }

    /// Returns why there is no GPU part, if there is none.
    pub fn gpu_absent(&self) -> Option<&Unavailable> {
        self.gpu.as_ref().err()
    }

    /// Decodes one thread's slices, in the order in which they ended. Slices of one lane nest
    /// strictly or are disjoint.
    pub(crate) fn walk(&self, thread: usize, mut visit: impl FnMut(&Slice)) {
        self.begin_walk(thread).until(|slice| {
            visit(slice);
            false
        });
    }

    /// Begins a walk over one thread's slices, which can be read in parts.
    pub(crate) fn begin_walk(&self, thread: usize) -> Walk<'_> {
        Walk { trace: self, decoder: self.decoder(thread), shown: 0 }
    }

    /// Counts one more slice that a walk has shown, and updates the progress after every `TOLD`
    /// slices.
    #[inline]
    fn tell_progress(&self, shown: &mut u64) {
        *shown += 1;
        if shown.is_multiple_of(TOLD) {
            // ORDERING: a statistic.
            self.walked.fetch_add(TOLD, Ordering::Relaxed);
        }
    }

    /// Returns a decoder of one thread's stream, from its beginning.
    pub(in crate::model) fn decoder(&self, thread: usize) -> Option<Decoder<'_>> {
        let Thread { first_id, crossings, .. } = self.threads.get(thread)?;
        Some(Decoder::new(self.log.threads.get(thread)?, &self.timeline, &self.sites, (*first_id, crossings)))
    }

    /// Returns `N` if the slice is written as `ProfilerStep#N`.
    #[inline]
    pub(crate) fn profiler_step(&self, slice: &Slice) -> Option<u64> {
        if slice.site.kind() == Kind::Step { self.profiler_steps.get(&slice.external_id).copied() } else { None }
    }

    /// Returns `N` if the life is written as `ProfilerStep#N`.
    pub(crate) fn profiler_step_of(&self, task: &Task<'_>) -> Option<u64> {
        if task.site.kind() == Kind::Step { self.profiler_steps.get(&task.external_id).copied() } else { None }
    }

    /// Returns whether the step with this `External id` is a `ProfilerStep`.
    pub(in crate::model) fn is_profiler_step(&self, external_id: u64) -> bool {
        self.profiler_steps.contains_key(&external_id)
    }

    /// Returns the moment when the last event ended: the GPU works on when a recording ends.
    pub(crate) fn shown_end(&self) -> u64 {
        self.gpu.as_ref().map_or(self.end, |gpu| self.end.max(gpu.end()))
    }

    /// Returns the process's number in a trace, where devices are processes 0, 1, …: a process in a
    /// container may have such a number itself.
    pub(crate) fn shown_pid(&self) -> u32 {
        const ABOVE_EVERY_PID: u32 = 1 << 22;
        let devices = self.gpu.as_ref().map_or(0, |gpu| gpu.devices.len());
        let pid = self.context.pid;
        if (pid as usize) < devices { pid + ABOVE_EVERY_PID } else { pid }
    }
}

impl Walk<'_> {
    /// Shows the next slices, up to the first that `enough` accepts; false if none was: the thread
    /// has no more.
    #[inline]
    pub(crate) fn until(&mut self, mut enough: impl FnMut(&Slice) -> bool) -> bool {
        self.until_event(
            &mut NoNodes::<false>,
            |event| if let Event::Slice(slice) = event { enough(slice) } else { false },
        )
    }

    /// Shows the next events of every kind, up to the first that `enough` accepts; false if none
    /// was accepted.
    #[inline]
    fn until_event(&mut self, nodes: &mut impl Nodes, mut enough: impl FnMut(&Event<'_>) -> bool) -> bool {
        let Some(decoder) = &mut self.decoder else { return false };
        while let Some(event) = decoder.next(nodes) {
            let enough = enough(&event);
            if let Event::Slice(_) = event {
                self.trace.tell_progress(&mut self.shown);
            }
            if enough {
                return true;
            }
        }
        // ORDERING: a statistic.
        self.trace.walked.fetch_add(self.shown % TOLD, Ordering::Relaxed);
        self.decoder = None;
        false
    }
}
