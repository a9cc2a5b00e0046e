//! Observation of a generation by its caller.
//!
//! One trait serves the progress bar, which counts steps, the server, which times stages, and the
//! tests, which compare intermediate tensors.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use candle_core::Tensor;

/// Observer of a generation. The methods do nothing by default.
pub trait Observer {
    /// Called when `done` denoising steps are complete.
    fn on_step(&mut self, done: usize) {
        let _ = done;
    }

    /// Called at the end of a stage with its wall time.
    fn on_stage(&mut self, name: &'static str, took: Duration) {
        let _ = (name, took);
    }

    /// Called for each intermediate tensor. The name is formatted only by observers that use it.
    fn on_tensor(&mut self, name: fmt::Arguments<'_>, tensor: &Tensor) {
        let _ = (name, tensor);
    }
}

/// Observes nothing.
impl Observer for () {}

/// Total seconds of each stage of a generation, over all its calls; vLLM-Omni's `stage_durations`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageDurations(pub BTreeMap<&'static str, f64>);

impl Observer for StageDurations {
    fn on_stage(&mut self, name: &'static str, took: Duration) {
        *self.0.entry(name).or_default() += took.as_secs_f64();
    }
}

/// Runs a stage and reports its wall time to the observer.
pub(super) fn timed<T>(
    name: &'static str,
    observer: &mut dyn Observer,
    stage: impl FnOnce(&mut dyn Observer) -> T,
) -> T {
    let begin = Instant::now();
    let result = stage(observer);
    observer.on_stage(name, begin.elapsed());
    result
}
