//! GPU times of the ranges that name their CUDA stream, measured by CUDA events: plain records.
//!
//! The runtime creates them when a session ends; `model` reads them.

use serde::{Deserialize, Serialize};

use profiler_core::hooks::gpu_time::Measured;

use super::device::Device;
use super::unavailable::Unavailable;

/// A moment on the ranges' clock, bounded by two ticks.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// Tick just before the moment.
    pub before: u64,
    /// Tick just after the moment.
    pub after: u64,
}

/// One CUDA context, and the relation between its device's clock and the ranges' clock.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct EventContext {
    /// Number of the device.
    pub device: u32,
    /// Moment of the reference event, at which the device's time is 0.
    pub began: Option<Sample>,
    /// Device time at the end of the recording, and the moment of that reading.
    pub ended: Option<(i64, Sample)>,
}

/// Everything that CUDA events measured in one session.
#[derive(Debug, Default)]
pub struct EventLog {
    /// Reason why no more detailed source was used; `None` if the configuration selected events.
    pub reason: Option<Unavailable>,
    /// CUDA version that the driver supports: 12080 is 12.8.
    pub driver_version: u32,
    /// The machine's devices.
    pub devices: Vec<Device>,
    /// Contexts, at the index that the ties in the streams carry.
    pub contexts: Vec<EventContext>,
    /// Measurements that arrived after the session's end; the others are in the threads' streams.
    pub measured: Vec<Measured>,
    /// Ranges without a GPU time.
    pub losses: EventLosses,
}

/// Ranges without a GPU time, by cause.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EventLosses {
    /// Ranges for which no pair of events was free.
    pub exhausted: u64,
    /// Ranges that the GPU had not finished when the wait at the end of the session timed out, or
    /// whose process ended before their events were read.
    pub unresolved: u64,
    /// Ranges that were open when the session ended.
    pub unfinished: u64,
    /// Ranges whose stream was being captured into a graph.
    pub captured: u64,
    /// Ranges whose context cannot be timed: it is not a device's primary context, or there are too
    /// many contexts.
    pub foreign: u64,
    /// Ranges dropped because the buffer budget was exhausted.
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
