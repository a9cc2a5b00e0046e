//! Progress bars: over the denoising steps, and over the artifacts of a profile.
//!
//! They are drawn on stderr, and hidden if stderr is not a terminal, so that logs and pipes stay
//! clean.

use indicatif::{ProgressBar, ProgressStyle};

use profiler_runtime::artifacts::Manifest;
use profiler_runtime::{Error, ExportHandle};

use crate::wan::Observer;

/// An [`Observer`] that draws one bar per generation.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Creates a bar for `steps` denoising steps.
    #[must_use]
    pub fn new(steps: usize) -> Self {
        let bar = ProgressBar::new(steps as u64);
        let template = "denoising {bar:32} {pos}/{len} steps  {elapsed} elapsed, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar }
    }
}

impl Observer for Progress {
    fn on_step(&mut self, done: usize) {
        self.bar.set_position(done as u64);
        if Some(done as u64) == self.bar.length() {
            self.bar.finish();
        }
    }
}

/// Waits for a session's artifacts, and shows a bar meanwhile.
///
/// # Errors
/// As [`ExportHandle::wait`].
pub fn wait_for_artifacts(stopped: &ExportHandle) -> Result<Manifest, Error> {
    const PARTS: f64 = 1000.0;
    let bar = ProgressBar::new(PARTS as u64);
    if let Ok(style) = ProgressStyle::with_template("artifacts {bar:32} {percent} %  {msg}") {
        bar.set_style(style);
    }
    let outcome = stopped.wait_with(|progress| {
        let done = (progress.done as f64 + progress.fraction) / progress.planned.max(1) as f64;
        bar.set_position((done * PARTS) as u64);
        bar.set_message(progress.artifact.clone().unwrap_or_default());
    });
    bar.finish_and_clear();
    outcome
}
