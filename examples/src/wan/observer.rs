//! What a caller may watch while a video is made.
//!
//! One trait serves the progress bar and the tests: the first wants steps, the second every intermediate tensor.

use std::fmt;

use candle_core::Tensor;

/// Watches a generation; both methods do nothing unless implemented.
pub trait Observer {
    /// `done` denoising steps are complete.
    fn on_step(&mut self, done: usize) {
        let _ = done;
    }

    /// An intermediate tensor exists; the name is formatted only by those who want it.
    fn on_tensor(&mut self, name: fmt::Arguments<'_>, tensor: &Tensor) {
        let _ = (name, tensor);
    }
}

/// Watches nothing.
impl Observer for () {}
