//! Wan2.2 image-to-video (A14B) on candle: tokenizer, umT5, VAE, two denoising experts and the
//! UniPC solver.
//!
//! [`Pipeline`] is the entry point. [`Source`] selects its weights, and [`Request`] what to
//! generate. The implementation follows Diffusers' `WanImageToVideoPipeline` tensor for tensor,
//! which `tests/golden.rs` checks.

mod attention;
mod checkpoint;
mod config;
mod denoise;
mod directory;
mod formula;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod half_precision;
mod hub;
mod layers;
mod observer;
mod pipeline;
mod prompt;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod real_size;
mod request;
mod source;
mod text_encoder;
mod tokenizer;
mod transformer;
mod unipc;
mod vae;

pub use config::{ModelConfig, SchedulerConfig, TextEncoderConfig, TransformerConfig, VaeConfig};
pub use denoise::{GuidanceSplit, Prediction};
pub use observer::{Observer, StageDurations};
pub use pipeline::Pipeline;
pub use request::{Expert, Request, SIDE_MULTIPLE};
pub use source::{Preset, Source};
pub use unipc::{Schedule, UniPc};
