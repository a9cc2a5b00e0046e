//! Wan2.2 image-to-video on candle: the pipeline that the profiler is shown on.
//!
//! The model lives in this library so that the example program, its tests and a server share one
//! copy. [`wan`] is the model, [`image`] and [`video`] are its two ends, and [`cli`] is the command
//! line of `examples/wan_i2v.rs`. The server is a package of its own beside this one, `serve`, so
//! that nobody builds it who wants to see the pipeline run.
//!
//! ```
//! use profiler_examples::wan::{Pipeline, Request, Source};
//! use profiler_examples::{device, image};
//!
//! # fn main() -> profiler_examples::Result<()> {
//! let pipeline = Pipeline::load(&Source::default(), &device()?)?;
//! let request = Request { num_frames: 1, num_inference_steps: 1, ..Request::tiny() };
//! let picture = image::demo(request.width, request.height);
//! let video = pipeline.generate(&request, &picture, &mut ())?;
//! assert_eq!(video.frames.len(), 1);
//! # Ok(())
//! # }
//! ```

pub mod cli;
mod error;
pub mod image;
pub mod profiling;
mod progress;
pub mod video;
pub mod wan;

pub use error::{Error, Result, chain};
pub use progress::{Progress, wait_for_artifacts};

/// The device that the model runs on: the first NVIDIA GPU with the feature `cuda`, else the CPU.
///
/// # Errors
/// With the feature `cuda`, when there is no usable GPU.
pub fn device() -> Result<candle_core::Device> {
    device_of(0)
}

/// The device of the process that is the `local_rank`th on this machine: the GPU of that number
/// with the feature `cuda`, else the CPU.
///
/// # Errors
/// With the feature `cuda`, when there is no such GPU.
pub fn device_of(local_rank: usize) -> Result<candle_core::Device> {
    if cfg!(feature = "cuda") { Ok(candle_core::Device::new_cuda(local_rank)?) } else { Ok(candle_core::Device::Cpu) }
}

/// The README's Rust blocks, which `cargo test` compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
