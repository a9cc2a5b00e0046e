//! The measurements of CUDA events on the ranges that name their stream: plain records.
//!
//! Made by the runtime when a session is over, read by `model`.

use serde::{Deserialize, Serialize};

use profiler_core::hooks::gpu_time::Measured;

use super::device::Device;
use super::unavailable::Unavailable;

/// A moment on the ranges' clock, between two ticks.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// Tick just before the moment.
    pub before: u64,
    /// Tick just after the moment.
    pub after: u64,
}

/// One context, and the relation of its device's clock to the ranges'.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct EventContext {
    /// Number of the device.
    pub device: u32,
    /// Moment of the reference, where the device's time is 0.
    pub began: Option<Sample>,
    /// The device's time at the end, and the moment of that reading.
    pub ended: Option<(i64, Sample)>,
}

/// The measurements of events.
#[derive(Debug, Default)]
pub struct EventLog {
    /// Reason why there is no more than this; none where it was asked for.
    pub reason: Option<Unavailable>,
    /// Version of CUDA that the driver supports: 12080 is 12.8.
    pub driver_version: u32,
    /// The machine's devices.
    pub devices: Vec<Device>,
    /// Contexts, by the place that ties carry.
    pub contexts: Vec<EventContext>,
    /// Measurements that came in after the session; the rest is in the threads' streams.
    pub measured: Vec<Measured>,
    /// Ranges without a GPU time.
    pub losses: EventLosses,
}

/// Ranges without a GPU time, by cause.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EventLosses {
    /// Ranges for which no pair of events was free.
    pub exhausted: u64,
    /// Ranges that the GPU had not finished when the session had waited long enough, or whose
    /// process ended before their events were read.
    pub unresolved: u64,
    /// Ranges that were open when the session ended.
    pub unfinished: u64,
    /// Ranges whose stream was being captured into a graph.
    pub captured: u64,
    /// Ranges whose context cannot be timed: not a device's primary one, or one too many.
    pub foreign: u64,
    /// Ranges for which there was no room in the buffers.
    pub buffer_full: u64,
    /// Ranges that the driver refused to time.
    pub failed: u64,
    /// First failure of the driver.
    #[serde(skip)]
    pub failure: Option<Failure>,
}

impl EventLosses {
    /// Returns the sum of all causes.
    pub const fn total(&self) -> u64 {
        let Self { exhausted, unresolved, unfinished, captured, foreign, buffer_full, failed, .. } = *self;
        exhausted + unresolved + unfinished + captured + foreign + buffer_full + failed
    }
}

/// The call that failed, and CUDA's error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure(pub &'static str, pub i32);
