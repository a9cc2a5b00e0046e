//! A session's use of the GPU: for `profiler: torch` the first source that can start, for
//! `profiler: cuda` the CUDA capture range.
//!
//! Started under the session lock, before the gate opens. Ended without the lock, because ending
//! waits for the GPU, and GPU work may wait for a step.

use std::collections::VecDeque;

use crate::collect::cuda::capture_range::CaptureRange;
use crate::collect::gpu::{self, Capture, Wanted};
use crate::config::{Profiler, ProfilerConfig};
use crate::logging;
use profiler_trace::records::gpu::GpuRecord;
use profiler_trace::records::unavailable::Unavailable;

/// The GPU part of a session.
#[derive(Debug)]
pub(crate) struct Gpu {
    profiler: Profiler,
    /// Sources that may start, best first; the first one is the running one, if any is.
    sources: VecDeque<Box<dyn Capture>>,
    /// Gate bits of the running source.
    running: Option<u32>,
    /// Reason if the best source does not run.
    reason: Option<Unavailable>,
    range: CaptureRange,
    /// Warnings for the user, in full sentences.
    warnings: Vec<String>,
    /// Number of warnings that have been logged.
    logged: usize,
}

/// The GPU part of a sealed session, not yet decoded.
#[derive(Debug)]
pub(crate) struct GpuSealed {
    source: Option<Box<dyn Capture>>,
    reason: Option<Unavailable>,
    /// Warnings for the user, in full sentences.
    pub(crate) warnings: Vec<String>,
}

impl Gpu {
    /// Opens the libraries without starting anything. The first call may be slow, so it happens
    /// before the lock is taken.
    pub(crate) fn prepare(config: &ProfilerConfig) -> Self {
        let mut gpu = Self {
            profiler: config.profiler,
            sources: VecDeque::new(),
            running: None,
            reason: None,
            range: CaptureRange::default(),
            warnings: Vec::new(),
            logged: 0,
        };
        let wanted = Wanted {
            syncs: config.cuda_sync_events,
            memory: config.torch_profiler_with_memory,
            buffer_bytes: usize::try_from(config.max_buffer_mb.saturating_mul(1 << 20)).unwrap_or(usize::MAX),
        };
        for source in gpu::sources() {
            let prepared = if !config.records_gpu() {
                Err(Unavailable::NOT_WANTED)
            } else if !config.gpu_timing.allows(source.name().word) {
                Err(Unavailable::EVENTS_WANTED)
            } else {
                source.prepare(wanted)
            };
            match prepared {
                Ok(capture) => gpu.sources.push_back(capture),
                Err(reason) if gpu.sources.is_empty() => drop(gpu.reason.get_or_insert(reason)),
                Err(_) => {}
            }
        }
        gpu.warn_incomplete();
        gpu
    }

    /// Starts the first source that can; returns the gate's bits for it.
    pub(crate) fn warm_up(&mut self) -> u32 {
        while self.running.is_none()
            && let Some(source) = self.sources.front_mut()
        {
            match source.start() {
                Ok(bits) => self.running = Some(bits),
                Err(reason) => {
                    self.reason.get_or_insert(reason);
                    self.sources.pop_front();
                }
            }
        }
        self.warn_incomplete();
        self.running.unwrap_or(0)
    }

    /// Begins the recorded iterations; opens the capture range if configured. Returns the gate's
    /// bits.
    pub(crate) fn record(&mut self) -> u32 {
        if self.profiler == Profiler::Cuda {
            let opened = self.range.open();
            self.warn_unopened(opened);
        }
        self.warm_up()
    }

    /// Handles the end of an iteration, in which the program may have begun to use the GPU.
    pub(crate) fn step(&mut self) {
        let opened = self.range.retry();
        self.warn_unopened(opened);
    }

    /// Returns the warnings added since the previous call.
    pub(crate) fn new_warnings(&mut self) -> Vec<String> {
        let new = self.warnings[self.logged..].to_vec();
        self.logged = self.warnings.len();
        new
    }

    /// Returns why a dump has no GPU part.
    pub(crate) fn unavailable_in_dump(&self) -> Unavailable {
        self.incomplete().cloned().unwrap_or(Unavailable::GOES_ON)
    }

    /// Waits for the GPU and ends the source and the capture range.
    pub(crate) fn finish(mut self) -> GpuSealed {
        self.warnings.extend(self.range.close());
        let mut source = self.running.and_then(|_| self.sources.pop_front());
        if let Some(source) = &mut source {
            source.finish();
        }
        for warning in &self.warnings[self.logged..] {
            logging::warn!("{warning}");
        }
        GpuSealed { source, reason: self.reason, warnings: self.warnings }
    }

    fn warn_unopened(&mut self, opened: Result<(), Unavailable>) {
        if let Err(reason) = opened {
            self.warnings.push(format!("cannot open the CUDA capture range: {reason}"));
        }
    }

    /// Returns the reason if the GPU recording is incomplete.
    fn incomplete(&self) -> Option<&Unavailable> {
        let is_complete = self.sources.front().is_some_and(|source| source.limits().is_none());
        self.reason.as_ref().filter(|_| !is_complete)
    }

    /// Adds a warning, once, if the GPU recording is incomplete although there is a GPU.
    fn warn_incomplete(&mut self) {
        let Some(reason) = self.incomplete().filter(|reason| reason.is_surprising()) else { return };
        let limits = self.sources.front().and_then(|source| source.limits());
        let limits = limits.map_or(String::new(), |limits| format!("; {limits}"));
        let warning = format!("the GPU is not recorded: {reason}{limits}");
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

impl GpuSealed {
    /// Decodes the records. May wait a limited time for unfinished GPU work.
    pub(crate) fn decode(self) -> GpuRecord {
        match self.source {
            Some(source) => source.decode(self.reason),
            None => GpuRecord::Absent(self.reason.unwrap_or(Unavailable::NOTHING_RECORDED)),
        }
    }
}
