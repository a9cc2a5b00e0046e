//! What a session does with the GPU: CUPTI for `profiler: torch`, and where there is none, events on the streams that
//! ranges name; the CUDA capture range for `profiler: cuda`.
//!
//! Begun under the slot's lock, before the gate opens; ended without it, because it waits for the GPU, and work of the
//! GPU may wait for a step.

use crate::collect::cuda::capture_range::CaptureRange;
use crate::collect::cuda::cupti::{Capture, Undecoded, Wanted};
use crate::collect::cuda::event_timing::{Timing, Unresolved};
use crate::config::{GpuTiming, Profiler, ProfilerConfig};
use crate::logging;
use profiler_core::gate;
use profiler_core::hooks::correlation;
use profiler_trace::records::gpu::GpuRecord;
use profiler_trace::records::unavailable::Absent;

/// A session's part of the GPU.
#[derive(Debug)]
pub(crate) struct Gpu {
    profiler: Profiler,
    capture: Capture,
    timing: Timing,
    range: CaptureRange,
    /// What its user should know, in full sentences.
    warnings: Vec<String>,
    /// How many of them have been logged.
    logged: usize,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct GpuSealed {
    delivered: Result<Undecoded, Absent>,
    events: Option<Unresolved>,
    /// What its user should know, in full sentences.
    pub(crate) warnings: Vec<String>,
}

impl Gpu {
    /// Opens libraries and starts nothing. May take long the first time: not under the lock.
    pub(crate) fn prepare(config: &ProfilerConfig) -> Self {
        let capture = if !config.records_gpu() {
            Capture::Absent(Absent::NotWanted)
        } else if config.gpu_timing == GpuTiming::Events {
            Capture::Absent(Absent::EventsWanted)
        } else {
            Capture::prepare(Wanted {
                syncs: config.cuda_sync_events,
                memory: config.torch_profiler_with_memory,
                buffer_bytes: usize::try_from(config.max_buffer_mb.saturating_mul(1 << 20)).unwrap_or(usize::MAX),
            })
        };
        let may_time = config.records_gpu() && config.gpu_timing != GpuTiming::Cupti;
        let mut gpu = Self {
            profiler: config.profiler,
            capture,
            timing: if may_time { Timing::prepare() } else { Timing::Off },
            range: CaptureRange::default(),
            warnings: Vec::new(),
            logged: 0,
        };
        gpu.note_absent();
        gpu
    }

    /// A warm-up begins; the gate's bits for what of the GPU is recorded from now on.
    pub(crate) fn warm_up(&mut self) -> u32 {
        let was_running = matches!(self.capture, Capture::Running(_));
        let runs = self.capture.start();
        if runs && !was_running {
            correlation::measure();
        }
        self.note_absent();
        if runs {
            gate::GPU
        } else if self.timing.start() {
            gate::EVENTS
        } else {
            0
        }
    }

    /// The iterations that count begin; the gate's bits, likewise.
    pub(crate) fn record(&mut self) -> u32 {
        if self.profiler == Profiler::Cuda {
            let opened = self.range.open();
            self.note_range(opened);
        }
        self.warm_up()
    }

    /// An iteration has ended: a program may have begun to use the GPU in it.
    pub(crate) fn step(&mut self) {
        let opened = self.range.retry();
        self.note_range(opened);
    }

    /// Warnings that are new since this was asked last.
    pub(crate) fn new_warnings(&mut self) -> Vec<String> {
        let new = self.warnings[self.logged..].to_vec();
        self.logged = self.warnings.len();
        new
    }

    /// Why there is no GPU part of what is recorded so far.
    pub(crate) fn absent_from_dump(&self) -> Absent {
        self.capture.absent().cloned().unwrap_or(Absent::GoesOn)
    }

    /// Waits for the GPU and ends everything that was begun.
    pub(crate) fn finish(mut self) -> GpuSealed {
        self.warnings.extend(self.range.close());
        let events = self.timing.finish();
        let delivered = self.capture.finish();
        for warning in &self.warnings[self.logged..] {
            logging::warn!("{warning}");
        }
        GpuSealed { delivered, events, warnings: self.warnings }
    }

    fn note_range(&mut self, opened: Result<(), Absent>) {
        if let Err(reason) = opened {
            self.warnings.push(format!("the CUDA capture range is not opened: {reason}"));
        }
    }

    /// Once, when it becomes known that there will be no GPU part although there is a GPU.
    fn note_absent(&mut self) {
        let Some(reason) = self.capture.absent().filter(|reason| reason.is_surprising()) else { return };
        let mut warning = format!("the GPU is not recorded: {reason}");
        if !matches!(self.timing, Timing::Off) {
            warning.push_str("; only ranges that name their stream (`cuda::stage_on`) have GPU times");
        }
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

impl GpuSealed {
    /// Reads what was delivered; waits a bounded time for events that have not happened.
    pub(crate) fn decode(self) -> GpuRecord {
        match (self.delivered, self.events) {
            (Ok(undecoded), _) => undecoded.decode(),
            (Err(reason), Some(events)) => GpuRecord::Timed(Box::new(events.resolve(reason))),
            (Err(reason), None) => GpuRecord::Absent(reason),
        }
    }
}
