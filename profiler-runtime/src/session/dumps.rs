//! Dumps: artifacts of a session's recording so far, while it goes on.
//!
//! Requested by the program, or by an iteration that took too long. One is written at a time, into
//! a folder of its own inside the session's: `dump-1`, `dump-2`, … Skipped dumps are counted, and
//! reported with the session.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::export_job::ExportHandle;
use crate::config::ProfilerConfig;
use crate::error::Error;
use crate::session_id::SessionId;
use profiler_core::clock;

/// A session's dumps.
#[derive(Debug, Default)]
pub(crate) struct Dumps {
    /// Duration from which a step is too slow; 0: none is.
    slow_step: Duration,
    most_slow: u64,
    /// Number of iterations that are shown; 0: all.
    ring_steps: u64,
    /// Number of the last dump.
    number: u64,
    last: Option<ExportHandle>,
    slow: u64,
    left_out: u64,
    /// Begin of the recording, on both clocks.
    begun: Option<(u64, Instant)>,
    /// Ticks of the last iterations' ends, one more than are shown.
    ends: VecDeque<u64>,
}

impl Dumps {
    pub(crate) fn new(config: &ProfilerConfig) -> Self {
        Self {
            slow_step: Duration::from_millis(config.slow_step_ms),
            most_slow: config.max_dumps,
            ring_steps: if config.ring { config.ring_steps } else { 0 },
            ..Self::default()
        }
    }

    /// Begins to count with the recording, at these ticks.
    pub(crate) fn begin(&mut self, opened: u64, now: Instant) {
        self.begun = Some((opened, now));
        self.ends.clear();
    }

    /// Counts an iteration that ended; `began` in ticks, else the end of the one before. Returns
    /// whether to dump it.
    pub(crate) fn step(&mut self, began: Option<u64>, now: Instant) -> bool {
        let Some((opened, begun)) = self.begun else { return false };
        let ticks = clock::ticks();
        let began = began.or(self.ends.back().copied()).unwrap_or(opened).max(opened);
        // Without memory for all of them, more iterations are shown than were asked for.
        if self.ends.len() as u64 > self.ring_steps || self.ends.try_reserve(1).is_err() {
            self.ends.pop_front();
        }
        if self.ends.len() < self.ends.capacity() {
            self.ends.push_back(ticks);
        }
        if self.slow_step.is_zero() {
            return false;
        }
        let share = ticks.saturating_sub(began) as f64 / ticks.saturating_sub(opened).max(1) as f64;
        let is_slow = now.saturating_duration_since(begun).as_secs_f64() * share >= self.slow_step.as_secs_f64();
        let may = is_slow && self.slow < self.most_slow && !self.is_busy();
        self.slow += u64::from(may);
        self.left_out += u64::from(is_slow && !may);
        may
    }

    /// Returns the tick from which on iterations are shown.
    pub(crate) fn oldest(&self) -> u64 {
        let all = self.ring_steps == 0 || self.ends.len() as u64 <= self.ring_steps;
        if all { 0 } else { self.ends.front().copied().unwrap_or(0) }
    }

    /// Returns whether a dump is being written.
    pub(crate) fn is_busy(&self) -> bool {
        self.last.as_ref().is_some_and(|last| !last.is_written())
    }

    /// Creates a dump of this session, in a folder of its own.
    ///
    /// # Errors
    ///
    /// Fails if the folder cannot be made.
    pub(crate) fn next(&mut self, session: &SessionId, folder: &Path) -> Result<ExportHandle, Error> {
        self.number += 1;
        let name = format!("dump-{}", self.number);
        let folder: PathBuf = folder.join(&name);
        if let Err(error) = fs::create_dir_all(&folder) {
            return Err(Error::Folder { folder, source: Arc::new(error) });
        }
        let dump = ExportHandle::new(SessionId::new(format!("{session}-{name}")), Some(folder));
        self.last = Some(dump.clone());
        Ok(dump)
    }

    /// Counts a slow iteration that could not be dumped.
    pub(crate) fn failed(&mut self) {
        self.left_out += 1;
    }

    /// Returns the warning for the user at the end, in a sentence.
    pub(crate) fn warning(&self) -> Option<String> {
        let (count, slow) = (self.left_out, self.slow_step);
        let sentence = "took longer than `slow_step_ms` and were not dumped: one dump is written at a time, and at most \
                        `max_dumps`";
        (count > 0).then(|| format!("{count} iterations {sentence} (slower than {} ms)", slow.as_millis()))
    }

    /// Returns the last dump, which may be being written.
    pub(crate) fn into_last(self) -> Option<ExportHandle> {
        self.last
    }
}
