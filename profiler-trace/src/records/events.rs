//! What CUDA events have measured of the ranges that name their stream: plain records.
//!
//! Made by the runtime when a session is over, read by `model`.

use serde::{Deserialize, Serialize};

use profiler_core::hooks::gpu_time::Measured;

use super::device::Device;
use super::unavailable::Unavailable;

/// A moment on the ranges' clock: it lies between these two ticks.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// Just before.
    pub before: u64,
    /// And just after.
    pub after: u64,
}

/// One context, and how its device's clock relates to the ranges'.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct EventContext {
    /// The device's number.
    pub device: u32,
    /// The reference, where the device's time is 0.
    pub began: Option<Sample>,
    /// The device's time at the end, and when that was.
    pub ended: Option<(i64, Sample)>,
}

/// What events have measured.
#[derive(Debug, Default)]
pub struct EventLog {
    /// Why there is no more than this; none where it was asked for.
    pub reason: Option<Unavailable>,
    /// Version of CUDA that the driver supports: 12080 is 12.8.
    pub driver_version: u32,
    /// The machine's devices.
    pub devices: Vec<Device>,
    /// By the place that ties carry.
    pub contexts: Vec<EventContext>,
    /// What came in after the session; the rest is in the threads' streams.
    pub measured: Vec<Measured>,
    /// What is missing.
    pub losses: EventLosses,
}

/// Ranges without a GPU time, by cause.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EventLosses {
    /// Every pair of events was in use.
    pub exhausted: u64,
    /// The GPU was not done with them when the session had waited long enough, or the process ended before they were
    /// read.
    pub unresolved: u64,
    /// They were open when the session ended.
    pub unfinished: u64,
    /// Their stream was being captured into a graph.
    pub captured: u64,
    /// Their context is none that can be timed: not a device's primary one, or one too many.
    pub foreign: u64,
    /// There was no room in the buffers.
    pub buffer_full: u64,
    /// The driver refused.
    pub failed: u64,
    /// And this is how it did so first.
    #[serde(skip)]
    pub failure: Option<Failure>,
}

impl EventLosses {
    /// Returns the sum of all.
    pub const fn total(&self) -> u64 {
        let Self { exhausted, unresolved, unfinished, captured, foreign, buffer_full, failed, .. } = *self;
        exhausted + unresolved + unfinished + captured + foreign + buffer_full + failed
    }
}

/// Which call failed, and CUDA's error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure(pub &'static str, pub i32);
