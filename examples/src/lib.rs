//! Wan2.2 image-to-video on candle, the pipeline that demonstrates the profiler.
//!
//! The model is a library, so that the example program, its tests and the server share it. [`wan`]
//! is the model, [`image`] and [`video`] are its input and output, and [`cli`] is the command line
//! of `examples/wan_i2v.rs`. The server is a separate package, `serve`, so that running the
//! pipeline does not require building it.
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

/// Returns the device that the model runs on: the first NVIDIA GPU with the feature `cuda`, else
/// the CPU.
///
/// # Errors
/// Returns an error if there is no usable GPU, with the feature `cuda`.
pub fn device() -> Result<candle_core::Device> {
    device_of(0)
}

/// Returns the device of the process with this rank on its machine: the GPU of that number with the
/// feature `cuda`, else the CPU.
///
/// # Errors
/// Returns an error if there is no such GPU, with the feature `cuda`.
pub fn device_of(local_rank: usize) -> Result<candle_core::Device> {
    if cfg!(feature = "cuda") { Ok(candle_core::Device::new_cuda(local_rank)?) } else { Ok(candle_core::Device::Cpu) }
}

/// The README's Rust blocks, which `cargo test` compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
