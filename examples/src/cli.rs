//! The command line of `wan_i2v`: vLLM-Omni's flags, in both spellings (`--num-frames` and
//! `--num_frames`).
//!
//! [`Cli::job`] checks all arguments before any weights are read. The profiler's flags are a group
//! from `profiler-runtime`.

use std::path::PathBuf;

use profiler_runtime::ProfilerConfig;
use profiler_runtime::config::ProfilerArgs;

use crate::Result;
use crate::image::{self, Picture};
use crate::video::Output;
use crate::wan::{Preset, Request, SIDE_MULTIPLE, Source};

/// Generates a video from a picture and a prompt with Wan2.2 image-to-video.
///
/// Without flags it needs no files: it computes tiny weights from a formula, draws a picture, and
/// generates a video in half a second, profiled into ./perf. With --model the defaults are those of
/// the real model, and nothing is profiled unless requested. --profiler-config '{}' turns profiling
/// off.
#[derive(Debug, clap::Parser)]
#[command(name = "wan_i2v", version)]
pub struct Cli {
    /// Diffusers directory of Wan2.2-I2V-A14B, or its name on the hub if it has been downloaded
    /// [default: built-in weights].
    #[arg(long, value_name = "DIR|NAME")]
    pub model: Option<PathBuf>,

    /// Size of the built-in model.
    #[arg(long, value_enum, default_value_t, conflicts_with = "model")]
    pub preset: Preset,

    /// PNG or JPEG file that the video starts from [default: drawn by the program].
    #[arg(long, value_name = "FILE")]
    pub image: Option<PathBuf>,

    /// Description of the video.
    #[arg(long)]
    pub prompt: Option<String>,

    /// Description of anything that the video should not show.
    #[arg(long, alias = "negative_prompt")]
    pub negative_prompt: Option<String>,

    /// Height in pixels, a multiple of 16 [default: from the picture's aspect and the model's usual
    /// area].
    #[arg(long, value_name = "PIXELS")]
    pub height: Option<usize>,

    /// Width in pixels, a multiple of 16 [default: as for --height].
    #[arg(long, value_name = "PIXELS")]
    pub width: Option<usize>,

    /// Number of frames, one more than a multiple of 4 [default: 9, with --model 81].
    #[arg(long, alias = "num_frames", value_name = "N")]
    pub num_frames: Option<usize>,

    /// Number of denoising steps [default: 4, with --preset small 40, with --model 50].
    #[arg(long, alias = "num_inference_steps", value_name = "N")]
    pub num_inference_steps: Option<usize>,

    /// Strength with which the video follows the prompt [default: 3.5, with --model 5].
    #[arg(long, alias = "guidance_scale", value_name = "SCALE", allow_negative_numbers = true)]
    pub guidance_scale: Option<f64>,

    /// Guidance scale of the low-noise expert, in spite of the flag's customary name [default: as
    /// --guidance-scale, else 4].
    #[arg(long, alias = "guidance_scale_high", value_name = "SCALE", allow_negative_numbers = true)]
    pub guidance_scale_high: Option<f64>,

    /// Fraction of the timesteps below which the low-noise expert runs [default: 0.9, with --model
    /// 0.875].
    #[arg(long, alias = "boundary_ratio", value_name = "RATIO", allow_negative_numbers = true)]
    pub boundary_ratio: Option<f64>,

    /// Shift of the noise levels towards high noise [default: 5].
    #[arg(long, alias = "flow_shift", value_name = "SHIFT", allow_negative_numbers = true)]
    pub flow_shift: Option<f64>,

    /// Number of tokens that a prompt is truncated or padded to [default: 64, with --model 512].
    #[arg(long, alias = "max_sequence_length", value_name = "N")]
    pub max_sequence_length: Option<usize>,

    /// Frames per second of the video [default: 16].
    #[arg(long, value_name = "RATE")]
    pub fps: Option<u32>,

    /// Seed of the initial noise [default: 42].
    #[arg(long)]
    pub seed: Option<u64>,

    /// Output file, ending in .mp4, .gif or .png, or a folder for the frames, ending in a slash.
    #[arg(long, value_name = "PATH", default_value = "i2v_output.mp4")]
    pub output: PathBuf,

    /// The profiler's own flags.
    #[command(flatten)]
    pub profiler: ProfilerArgs,
}

/// A checked command line.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Job {
    /// Source of the weights.
    pub source: Source,
    /// Video to generate.
    pub request: Request,
    /// Picture that the video starts from.
    pub picture: Picture,
    /// Output of the video.
    pub output: Output,
}

impl Cli {
    /// Completes the flags with defaults, and checks them, the model's configuration, the picture
    /// and the output.
    ///
    /// # Errors
    /// Returns the first mistake that the user has to correct.
    pub fn job(&self) -> Result<Job> {
        let (source, defaults) = match (&self.model, self.preset) {
            (Some(model), _) => (Source::at(model)?, Request::full_size()),
            (None, Preset::Tiny) => (Source::Formula(Preset::Tiny), Request::tiny()),
            (None, Preset::Small) => (Source::Formula(Preset::Small), Request::small()),
        };
        let config = source.config()?;
        let picture = self.image.as_deref().map(image::load).transpose()?;
        let request = self.request(defaults, picture.as_ref());
        request.validate(&config)?;
        let picture = picture.unwrap_or_else(|| image::demo(request.width, request.height));
        let output = Output::at(&self.output)?;
        Ok(Job { source, request, picture, output })
    }

    /// Returns the profile that applies if neither a flag nor the environment sets one: the
    /// built-in model is profiled, a real one is not.
    #[must_use]
    pub fn usual_profile(&self) -> Option<ProfilerConfig> {
        let demonstration = self.model.is_none();
        demonstration.then(|| ProfilerConfig::torch("./perf").torch_profiler_record_shapes(true))
    }

    fn request(&self, defaults: Request, picture: Option<&Picture>) -> Request {
        let usual = (defaults.width, defaults.height);
        let (width, height) =
            picture.map_or(usual, |picture| image::fit_area(picture, usual.0 * usual.1, SIDE_MULTIPLE));
        // The second scale follows the first when only the first is given.
        let low_noise = self.guidance_scale_high.or(self.guidance_scale);
        Request {
            prompt: self.prompt.clone().unwrap_or(defaults.prompt),
            negative_prompt: self.negative_prompt.clone().unwrap_or(defaults.negative_prompt),
            height: self.height.unwrap_or(height),
            width: self.width.unwrap_or(width),
            num_frames: self.num_frames.unwrap_or(defaults.num_frames),
            num_inference_steps: self.num_inference_steps.unwrap_or(defaults.num_inference_steps),
            guidance_scale: self.guidance_scale.unwrap_or(defaults.guidance_scale),
            guidance_scale_2: low_noise.unwrap_or(defaults.guidance_scale_2),
            boundary_ratio: self.boundary_ratio.unwrap_or(defaults.boundary_ratio),
            flow_shift: self.flow_shift.unwrap_or(defaults.flow_shift),
            max_sequence_length: self.max_sequence_length.unwrap_or(defaults.max_sequence_length),
            seed: self.seed.unwrap_or(defaults.seed),
            fps: self.fps.unwrap_or(defaults.fps),
        }
    }
}
