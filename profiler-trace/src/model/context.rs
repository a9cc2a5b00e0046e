//! The input of [`Trace::build`](super::Trace::build): the recorded streams, and the session's
//! metadata.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::records::frames::Symbols;
use crate::records::gpu::GpuRecord;
use crate::records::host_clock::HostClock;
use profiler_core::clock::Anchor;
use profiler_core::overhead::Costs;
use profiler_core::site::Site;
use profiler_core::stream::registry::Log;

use super::memory::MemoryLog;
use super::options::ExportOptions;

/// The recorded part of a session, cut out of the threads' streams.
pub struct Recording {
    /// The threads' entries.
    pub log: Log,
    /// All numbered sites; the first has number 1.
    pub sites: Vec<&'static Site>,
    /// Time span of the recording.
    pub window: Window,
    /// Symbols of the call stacks' addresses.
    pub symbols: Symbols,
    /// Allocation levels at the begin and the end, if memory was recorded.
    pub memory: Option<MemoryLog>,
    /// Records of the GPU's work, or the reason why there are none.
    pub gpu: GpuRecord,
    /// Process and session of the recording.
    pub context: Context,
}

/// Time span in which recording was on.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// The process's first anchor.
    pub process: Anchor,
    /// Begin of the recording.
    pub start: Anchor,
    /// End of the recording.
    pub end: Anchor,
    /// Ticks between which every range was recorded. The span lies inside `start` and `end`,
    /// because the gate opens after the one and closes before the other.
    pub open: (u64, u64),
    /// Anchor some time after the end, if the process was still running; shows whether the clocks
    /// kept their pace.
    pub later: Option<Anchor>,
}

impl Window {
    /// Returns the tick that is the given time before the end.
    pub fn ticks_before_end(&self, long: Duration) -> u64 {
        self.end.ticks.saturating_sub(self.pace().ticks_of(long))
    }

    /// Moves the begin to a later tick.
    pub fn begin_at(&mut self, ticks: u64) {
        let later = self.pace().ns_of(ticks.saturating_sub(self.start.ticks));
        self.start.ticks = self.start.ticks.max(ticks);
        self.start.monotonic_ns = self.start.monotonic_ns.saturating_add(later);
        self.start.unix_ns = self.start.unix_ns.saturating_add(later);
        self.open = (self.open.0.max(ticks), self.open.1.max(ticks));
    }
}

/// Process and session of a recording, and the requested artifacts. Fields without `#[serde(skip)]`
/// are known when the recording begins and go into a spool's journal.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Context {
    /// Session id, shared by all ranks of the job.
    pub session: String,
    /// Global rank; 0 outside of a job.
    pub rank: u32,
    /// True if the process is the job's front-end, which has no rank.
    #[serde(skip)]
    pub is_frontend: bool,
    /// Rank on this host.
    pub local_rank: u32,
    /// Number of processes in the job.
    pub world_size: u32,
    /// Process id.
    pub pid: u32,
    /// Name of the executable.
    pub process_name: String,
    /// Host name.
    pub host: String,
    /// Properties of the clocks that the anchors read.
    pub clock: HostClock,
    /// Requested artifacts.
    #[serde(skip)]
    pub options: ExportOptions,
    /// Number of the site of the loop that drove the schedule; `None` if bare `next_step()` calls
    /// drove it, or nothing did.
    pub step_site: Option<u32>,
    /// Iterations that passed between the session's start and that of the recording: the number of
    /// the first recorded step.
    pub first_step: u64,
    /// Iterations passed at the end of the recording, if the first ones may be overwritten; the
    /// last step has this number minus one.
    #[serde(skip)]
    pub steps_passed: Option<u64>,
    /// Number of recorded iterations of the driving loop.
    #[serde(skip)]
    pub recorded_iterations: u64,
    /// Reason why recording ended.
    #[serde(skip)]
    pub ended_by: EndedBy,
    /// Number of run-time names beyond the limit of distinct names; 0 if unknown.
    #[serde(skip)]
    pub merged_names: u64,
    /// True if an attached tool received the ranges as well.
    #[serde(skip)]
    pub shown_to_tool: bool,
    /// Costs of recording, measured on this machine.
    #[serde(skip)]
    pub costs: Costs,
    /// Cost of one reading of a thread's CPU clock, measured before the recording; zero without
    /// `cpu_time`.
    #[serde(default)]
    pub cpu_clock_cost: Duration,
    /// Id of the last request that began in the session before the recording.
    #[serde(skip)]
    pub last_request: Option<String>,
    /// Warnings for the user, in full sentences.
    pub warnings: Vec<String>,
    /// Number of leading `warnings` that were logged when the session began.
    #[serde(skip)]
    pub warnings_logged: usize,
    /// Sentences about effects of the configuration that the user should know.
    #[serde(skip)]
    pub notes: Vec<String>,
    /// True if a guard ended the session; such a guard may have been dropped at once.
    #[serde(skip)]
    pub is_guarded: bool,
}

impl Context {
    /// Returns the label of the process in its job: `rank 0`.
    pub fn process_label(&self) -> String {
        if self.is_frontend { "front-end".to_owned() } else { format!("rank {}", self.rank) }
    }

    /// Returns the part of artifact names that distinguishes the process: `rank0`.
    pub fn file_part(&self) -> String {
        file_part((!self.is_frontend).then_some(self.rank))
    }
}

/// Returns the part of artifact names for a rank, or for the front-end, which has none.
pub fn file_part(rank: Option<u32>) -> String {
    rank.map_or_else(|| "frontend".to_owned(), |rank| format!("rank{rank}"))
}

/// Reason why a recording ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndedBy {
    /// A call of `stop_profile()`.
    #[default]
    Stop,
    /// `active_iterations` or `max_iterations` iterations were recorded.
    Iterations,
    /// `duration_secs` seconds passed.
    Duration,
    /// The process exited while the session was active.
    Exit,
    /// SIGTERM or SIGINT ended the process.
    Signal,
    /// The process crashed.
    Crash,
    /// A requested dump; the recording continues.
    Dump,
    /// A dump of a step that took longer than `slow_step_ms`; the recording continues.
    SlowStep,
    /// The process ended during the recording, and `recover` found its spool.
    Recovered,
}

impl EndedBy {
    /// Returns whether the recording continues after this dump.
    pub const fn goes_on(self) -> bool {
        matches!(self, Self::Dump | Self::SlowStep)
    }

    /// Returns the word for the manifest and the timing report.
    pub const fn as_str(self) -> &'static str {
        self.words().0
    }

    /// Returns the sentence for the summary.
    pub const fn sentence(self) -> &'static str {
        self.words().1
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Stop => ("stop", "ended by a stop"),
            Self::Iterations => ("iterations", "ended by itself, when the iterations that it was to record were over"),
            Self::Duration => ("duration", "ended by itself, after `duration_secs`"),
            Self::Exit => ("exit", "ended with the process, which exited"),
            Self::Signal => ("signal", "ended by a signal to the process"),
            Self::Crash => ("crash", "ended by a crash of the process"),
            Self::Dump => ("dump", "a dump: the session goes on"),
            Self::SlowStep => ("slow_step", "a dump at a slow step: the session goes on"),
            Self::Recovered => ("recovered", "recovered after the process was gone"),
        }
    }
}
