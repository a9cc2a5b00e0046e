//! What a caller may watch while a video is made.
//!
//! One trait serves the progress bar, the server and the tests: the first wants steps, the second
//! the time of each stage, the third every intermediate tensor.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use candle_core::Tensor;

/// Watches a generation; the methods do nothing unless implemented.
pub trait Observer {
    /// `done` denoising steps are complete.
    fn on_step(&mut self, done: usize) {
        let _ = done;
    }

    /// A call of a stage took so long, by the clock on the wall.
    fn on_stage(&mut self, name: &'static str, took: Duration) {
        let _ = (name, took);
    }

    /// An intermediate tensor exists; the name is formatted only by those who want it.
    fn on_tensor(&mut self, name: fmt::Arguments<'_>, tensor: &Tensor) {
        let _ = (name, tensor);
    }
}

/// Watches nothing.
impl Observer for () {}

/// Seconds that each stage of a generation took, all of its calls together: what vLLM-Omni calls
/// `stage_durations`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageDurations(pub BTreeMap<&'static str, f64>);

impl Observer for StageDurations {
    fn on_stage(&mut self, name: &'static str, took: Duration) {
        *self.0.entry(name).or_default() += took.as_secs_f64();
    }
}

/// Runs a stage and tells the observer how long it took.
pub(super) fn timed<T>(
    name: &'static str,
    observer: &mut dyn Observer,
    stage: impl FnOnce(&mut dyn Observer) -> T,
) -> T {
    let begin = Instant::now();
    let made = stage(observer);
    observer.on_stage(name, begin.elapsed());
    made
}
