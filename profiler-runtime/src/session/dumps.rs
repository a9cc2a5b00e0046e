//! Dumps: artifacts of a session's recording so far, written while it goes on.
//!
//! The program requests a dump, or an iteration that took too long triggers one. Dumps are written
//! one at a time, each into a folder of its own inside the session's: `dump-1`, `dump-2`, … Skipped
//! dumps are counted and reported with the session.

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

/// The dumps of a session.
#[derive(Debug, Default)]
pub(crate) struct Dumps {
    /// Duration from which an iteration is slow; 0 if none is.
    slow_step: Duration,
    /// Maximum number of dumps of slow iterations.
    max_slow: u64,
    /// Number of iterations that a ring shows; 0 for all.
    ring_steps: u64,
    /// Number of the last dump.
    number: u64,
    last: Option<ExportHandle>,
    /// Number of slow iterations that were dumped.
    slow: u64,
    /// Number of slow iterations that were not dumped.
    skipped: u64,
    /// Begin of the recording, in ticks and in time.
    begun: Option<(u64, Instant)>,
    /// Ticks at which the last iterations ended, one more than are shown.
    ends: VecDeque<u64>,
}

impl Dumps {
    pub(crate) fn new(config: &ProfilerConfig) -> Self {
        Self {
            slow_step: Duration::from_millis(config.slow_step_ms),
            max_slow: config.max_dumps,
            ring_steps: if config.ring { config.ring_steps } else { 0 },
            ..Self::default()
        }
    }

    /// Begins to count iterations with the recording, which was opened at the tick `opened`.
    pub(crate) fn begin(&mut self, opened: u64, now: Instant) {
        self.begun = Some((opened, now));
        self.ends.clear();
    }

    /// Counts an iteration that has ended and returns whether to dump it. `began` is its begin in
    /// ticks; `None` means the end of the iteration before.
    pub(crate) fn step(&mut self, began: Option<u64>, now: Instant) -> bool {
        let Some((opened, begun)) = self.begun else { return false };
        let ticks = clock::ticks();
        let began = began.or(self.ends.back().copied()).unwrap_or(opened).max(opened);
        // If memory is short, fewer ends are kept, and more iterations are shown than configured.
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
        let dumps = is_slow && self.slow < self.max_slow && !self.is_busy();
        self.slow += u64::from(dumps);
        self.skipped += u64::from(is_slow && !dumps);
        dumps
    }

    /// Returns the tick before which entries are not shown.
    pub(crate) fn oldest(&self) -> u64 {
        let all = self.ring_steps == 0 || self.ends.len() as u64 <= self.ring_steps;
        if all { 0 } else { self.ends.front().copied().unwrap_or(0) }
    }

    /// Returns whether a dump is being written.
    pub(crate) fn is_busy(&self) -> bool {
        self.last.as_ref().is_some_and(|last| !last.is_written())
    }

    /// Creates the handle and the folder of a new dump.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder cannot be created.
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
    pub(crate) fn count_failed(&mut self) {
        self.skipped += 1;
    }

    /// Returns a warning about the skipped dumps.
    pub(crate) fn warning(&self) -> Option<String> {
        let (count, slow) = (self.skipped, self.slow_step);
        let sentence = "took longer than `slow_step_ms` and were not dumped: one dump is written at a time, and at most \
                        `max_dumps`";
        (count > 0).then(|| format!("{count} iterations {sentence} (slower than {} ms)", slow.as_millis()))
    }

    /// Returns the last dump, which may still be being written.
    pub(crate) fn into_last(self) -> Option<ExportHandle> {
        self.last
    }
}
