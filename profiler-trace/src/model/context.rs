//! The facts that a session knows beside its records: the input of
//! [`Trace::build`](super::Trace::build).

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
    /// Every site that has a number; the first has number 1.
    pub sites: Vec<&'static Site>,
    /// Time of the recording.
    pub window: Window,
    /// Names for the addresses of call stacks.
    pub symbols: Symbols,
    /// Memory that was allocated before and after, if memory was recorded.
    pub memory: Option<MemoryLog>,
    /// Records of the GPU's work.
    pub gpu: GpuRecord,
    /// Process and session of the recording.
    pub context: Context,
}

/// The time in which recording was on.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// The process's first anchor.
    pub process: Anchor,
    /// Begin of the recording.
    pub start: Anchor,
    /// End of the recording.
    pub end: Anchor,
    /// Ticks between which ranges were certainly recorded: between the two above, where the gate
    /// opens and shuts.
    pub open: (u64, u64),
    /// Anchor some time after the end, if the process lived: shows whether the clocks kept their
    /// pace.
    pub later: Option<Anchor>,
}

impl Window {
    /// Returns the moment so long before the end, in ticks.
    pub fn ticks_before_end(&self, long: Duration) -> u64 {
        self.end.ticks.saturating_sub(self.pace().ticks_of(long))
    }

    /// Moves the begin to this moment, in ticks, after the present one.
    pub fn begin_at(&mut self, ticks: u64) {
        let later = self.pace().ns_of(ticks.saturating_sub(self.start.ticks));
        self.start.ticks = self.start.ticks.max(ticks);
        self.start.monotonic_ns = self.start.monotonic_ns.saturating_add(later);
        self.start.unix_ns = self.start.unix_ns.saturating_add(later);
        self.open = (self.open.0.max(ticks), self.open.1.max(ticks));
    }
}

/// The process and session of a recording, and the artifacts asked for. Fields that are not skipped
/// are known when it begins, and go into the journal of a spool.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Context {
    /// Session id, shared by all ranks of the job.
    pub session: String,
    /// Global rank, 0 when alone.
    pub rank: u32,
    /// True if the process controls the job: then it has no rank among those that work.
    #[serde(skip)]
    pub is_frontend: bool,
    /// Rank on this host.
    pub local_rank: u32,
    /// Number of processes of the job.
    pub world_size: u32,
    /// Process id.
    pub pid: u32,
    /// Name of the executable.
    pub process_name: String,
    /// Host name.
    pub host: String,
    /// Clocks that the anchors read.
    pub clock: HostClock,
    /// Artifacts that are asked for.
    #[serde(skip)]
    pub options: ExportOptions,
    /// Number of the site of the loop that drove the schedule; `None` if bare `next_step()` calls
    /// did, or nothing.
    pub step_site: Option<u32>,
    /// Iterations since start that had passed when recording began: the number of the first
    /// recorded step.
    pub first_step: u64,
    /// Iterations passed when recording ended, if the first may be overwritten: the last step is
    /// the one before.
    #[serde(skip)]
    pub steps_passed: Option<u64>,
    /// Iterations of the driving loop that were recorded.
    #[serde(skip)]
    pub recorded_iterations: u64,
    /// Reason why recording ended.
    #[serde(skip)]
    pub ended_by: EndedBy,
    /// Number of run-time names that the process has used beyond those that are kept apart; 0 if
    /// that is not known.
    #[serde(skip)]
    pub merged_names: u64,
    /// True if an attached tool was shown the ranges too.
    #[serde(skip)]
    pub is_shown: bool,
    /// Costs of recording on this machine.
    #[serde(skip)]
    pub costs: Costs,
    /// Cost of reading a thread's CPU clock once, if that was asked for; measured before the
    /// recording.
    #[serde(default)]
    pub cpu_clock_cost: Duration,
    /// Id of the last request that began in the session, for one that began before the recording.
    #[serde(skip)]
    pub last_request: Option<String>,
    /// Warnings for the user, in full sentences.
    pub warnings: Vec<String>,
    /// Number of the first warnings, which the host was told when the session began.
    #[serde(skip)]
    pub warnings_told: usize,
    /// Sentences about what the session does as it was asked to.
    #[serde(skip)]
    pub notes: Vec<String>,
    /// True if a guard has ended the session, and may have been dropped at once.
    #[serde(skip)]
    pub is_guarded: bool,
}

impl Context {
    /// Returns the process's name among the processes of the job: `rank 0`.
    pub fn place(&self) -> String {
        if self.is_frontend { "front-end".to_owned() } else { format!("rank {}", self.rank) }
    }

    /// Returns the part of its artifacts' names that tells them from other processes': `rank0`.
    pub fn file_part(&self) -> String {
        file_part((!self.is_frontend).then_some(self.rank))
    }
}

/// Returns the part of artifacts' names for a rank, or for the process that has none.
pub fn file_part(rank: Option<u32>) -> String {
    rank.map_or_else(|| "frontend".to_owned(), |rank| format!("rank{rank}"))
}

/// The reason why a recording ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndedBy {
    /// `stop_profile()`.
    #[default]
    Stop,
    /// `active_iterations` or `max_iterations` iterations were recorded.
    Iterations,
    /// `duration_secs` seconds were over.
    Duration,
    /// The process exited while the session was active.
    Exit,
    /// SIGTERM or SIGINT ended the process.
    Signal,
    /// The process crashed.
    Crash,
    /// The recording goes on: this is a dump of it, as asked for.
    Dump,
    /// A step took longer than `slow_step_ms`; the recording goes on.
    SlowStep,
    /// The process ended during the recording, and `recover` found its spool.
    Recovered,
}

impl EndedBy {
    /// Returns whether the recording goes on: this is a dump of it.
    pub const fn goes_on(self) -> bool {
        matches!(self, Self::Dump | Self::SlowStep)
    }

    /// Returns the word in manifest and timing report.
    pub const fn as_str(self) -> &'static str {
        self.words().0
    }

    /// Returns how the recording ended, as the summary says it.
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
