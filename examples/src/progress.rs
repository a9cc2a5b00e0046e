//! The progress bar over the denoising steps.
//!
//! It draws to stderr and hides itself when stderr is not a terminal, so that logs and pipes stay clean.

use indicatif::{ProgressBar, ProgressStyle};

use crate::wan::Observer;

/// An [`Observer`] that draws one bar per generation.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar for `steps` denoising steps; hidden when stderr is not a terminal.
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
