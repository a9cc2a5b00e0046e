//! A request for one video: its arguments, and their validation.
//!
//! The names are Diffusers'. [`Request::tiny`] holds the arguments of the golden run,
//! [`Request::full_size`] the defaults of vLLM-Omni's `image_to_video.py`.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

use super::config::ModelConfig;
use super::vae::{FRAMES_PER_LATENT, PIXELS_PER_LATENT};

/// Sides of the video are multiples of this: 8 by the VAE, times 2 by the transformer's patches.
pub const SIDE_MULTIPLE: usize = 16;

/// Number of positions that the transformer supports along each axis.
const MAX_POSITIONS: usize = 1024;

/// One of the two transformers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expert {
    /// `transformer`: the early steps, which decide the composition.
    HighNoise,
    /// `transformer_2`: the late steps, which add the detail.
    LowNoise,
}

/// The arguments of one video.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Description of the video.
    pub prompt: String,
    /// Description of anything that the video should not show; used only if `guidance_scale` is
    /// above 1.
    pub negative_prompt: String,
    /// Height in pixels, a multiple of 16.
    pub height: usize,
    /// Width in pixels, a multiple of 16.
    pub width: usize,
    /// Number of frames; rounded to one more than a multiple of 4, as Diffusers does.
    pub num_frames: usize,
    /// Number of denoising steps.
    pub num_inference_steps: usize,
    /// Strength with which the high-noise expert follows the prompt; 1 or less turns guidance off
    /// for both experts.
    pub guidance_scale: f64,
    /// Strength with which the low-noise expert follows the prompt.
    pub guidance_scale_2: f64,
    /// Fraction of the timesteps at which the low-noise expert takes over.
    pub boundary_ratio: f64,
    /// Shift of the noise levels towards high noise.
    pub flow_shift: f64,
    /// Number of tokens that a prompt is truncated or padded to. It changes the result, because
    /// padding takes part in the attention.
    pub max_sequence_length: usize,
    /// Seed of the initial noise.
    pub seed: u64,
    /// Frames per second of the written video.
    pub fps: u32,
}

impl Request {
    /// Returns the arguments of the golden run, half a second on one core with
    /// [`super::Preset::Tiny`].
    #[must_use]
    pub fn tiny() -> Self {
        Self {
            prompt: "A cat playing with yarn, soft light".to_owned(),
            negative_prompt: "blurred details, static, worst quality".to_owned(),
            height: 48,
            width: 64,
            num_frames: 9,
            num_inference_steps: 4,
            guidance_scale: 3.5,
            guidance_scale_2: 4.0,
            boundary_ratio: 0.9,
            flow_shift: 5.0,
            max_sequence_length: 64,
            seed: 42,
            fps: 16,
        }
    }

    /// Returns the arguments of the golden run with the real model's usual number of steps.
    #[must_use]
    pub fn small() -> Self {
        Self { num_inference_steps: 40, ..Self::tiny() }
    }

    /// Returns the arguments of five seconds at 480p.
    #[must_use]
    pub fn full_size() -> Self {
        Self {
            prompt: String::new(),
            negative_prompt: String::new(),
            height: 480,
            width: 832,
            num_frames: 81,
            num_inference_steps: 50,
            guidance_scale: 5.0,
            guidance_scale_2: 5.0,
            boundary_ratio: 0.875,
            flow_shift: 5.0,
            max_sequence_length: 512,
            seed: 42,
            fps: 16,
        }
    }

    /// Returns whether the negative prompt is used.
    #[must_use]
    pub fn is_guided(&self) -> bool {
        self.guidance_scale > 1.0
    }

    /// Returns the expert for a timestep out of `num_train_timesteps`.
    #[must_use]
    pub fn expert(&self, timestep: usize, num_train_timesteps: usize) -> Expert {
        if timestep as f64 >= self.boundary_ratio * num_train_timesteps as f64 {
            Expert::HighNoise
        } else {
            Expert::LowNoise
        }
    }

    /// Returns the number of generated frames: `num_frames`, or the nearest number that the VAE
    /// supports.
    #[must_use]
    pub fn frames(&self) -> usize {
        match self.num_frames {
            n if n % FRAMES_PER_LATENT == 1 => n,
            n => n / FRAMES_PER_LATENT * FRAMES_PER_LATENT + 1,
        }
    }

    /// Returns frames, height and width of the latents.
    #[must_use]
    pub(crate) fn latent_size(&self) -> (usize, usize, usize) {
        let frames = (self.frames() - 1) / FRAMES_PER_LATENT + 1;
        (frames, self.height / PIXELS_PER_LATENT, self.width / PIXELS_PER_LATENT)
    }

    /// Checks every argument against its range and against the model.
    ///
    /// # Errors
    /// [`Error::Argument`] for the first argument that is out of range.
    pub fn validate(&self, model: &ModelConfig) -> Result<()> {
        side("height", self.height)?;
        side("width", self.width)?;
        count("num_frames", self.num_frames, MAX_POSITIONS * FRAMES_PER_LATENT - 3)?;
        count("num_inference_steps", self.num_inference_steps, model.scheduler.num_train_timesteps)?;
        count("max_sequence_length", self.max_sequence_length, 4096)?;
        count("fps", self.fps as usize, 240)?;
        number("guidance_scale", self.guidance_scale, 0.0..=100.0)?;
        number("guidance_scale_2", self.guidance_scale_2, 0.0..=100.0)?;
        number("boundary_ratio", self.boundary_ratio, 0.0..=1.0)?;
        number("flow_shift", self.flow_shift, 0.01..=100.0)
    }
}

fn wrong(name: &'static str, value: impl ToString, expected: String) -> Error {
    Error::Argument { name, value: value.to_string(), expected }
}

fn side(name: &'static str, pixels: usize) -> Result<()> {
    let max = MAX_POSITIONS * SIDE_MULTIPLE;
    if pixels > 0 && pixels <= max && pixels.is_multiple_of(SIDE_MULTIPLE) {
        return Ok(());
    }
    let below = (pixels / SIDE_MULTIPLE * SIDE_MULTIPLE).clamp(SIDE_MULTIPLE, max);
    let nearest = match below + SIDE_MULTIPLE {
        above if pixels > below && above <= max => format!("{below} or {above}"),
        _ => below.to_string(),
    };
    Err(wrong(name, pixels, format!("a multiple of {SIDE_MULTIPLE} up to {max}, for example {nearest}")))
}

fn count(name: &'static str, value: usize, max: usize) -> Result<()> {
    if (1..=max).contains(&value) { Ok(()) } else { Err(wrong(name, value, format!("from 1 to {max}"))) }
}

fn number(name: &'static str, value: f64, range: std::ops::RangeInclusive<f64>) -> Result<()> {
    let expected = || format!("a number from {} to {}", range.start(), range.end());
    if range.contains(&value) { Ok(()) } else { Err(wrong(name, value, expected())) }
}

#[cfg(test)]
mod tests {
    use super::Request;

    #[test]
    fn frames_become_one_more_than_a_multiple_of_four() {
        let frames = |num_frames| Request { num_frames, ..Request::tiny() }.frames();
        assert_eq!([1, 2, 4, 5, 8, 9, 80, 81].map(frames), [1, 1, 5, 5, 9, 9, 81, 81]);
    }
}
