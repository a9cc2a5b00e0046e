//! The pipeline: turns a picture and a prompt into a video, stage by stage.
//!
//! Each stage is a function, annotated with the name that the Python engines' profilers use for it,
//! so that traces look alike. The loop over the denoising steps is in [`super::denoise`].

use candle_core::{DType, Device, Tensor};
use profiler_runtime::{profiled_stage, profiled_step, stage};

use super::config::ModelConfig;
use super::denoise::{Conditions, Experts, GuidanceSplit, Prediction, Prompts};
use super::formula;
use super::observer::{Observer, timed};
use super::request::Request;
use super::source::Source;
use super::text_encoder::TextEncoder;
use super::tokenizer::Tokenizer;
use super::transformer::Transformer;
use super::unipc::Schedule;
use super::vae::{FRAMES_PER_LATENT, Vae};
use crate::Result;
use crate::image::{self, Picture};
use crate::video::{Output, Video};

/// The loaded model, which generates any number of videos.
pub struct Pipeline {
    tokenizer: Tokenizer,
    text_encoder: TextEncoder,
    experts: Experts,
    vae: Vae,
    config: ModelConfig,
    device: Device,
}

impl Pipeline {
    /// Loads every component. The text encoder and the transformers run in [`Source::dtype`], the
    /// VAE in f32.
    ///
    /// # Errors
    /// If a file is missing or corrupt, a tensor is missing or has the wrong shape, or the device
    /// has too little memory.
    #[profiled_stage("load.pipeline")]
    pub fn load(source: &Source, device: &Device) -> Result<Self> {
        let config = source.config()?;
        let dtype = source.dtype(device);
        let weights = |component| source.weights(component, dtype, device);
        let tokenizer = {
            let _load = stage!("load.tokenizer");
            Tokenizer::load(source)?
        };
        let text_encoder = {
            let _load = stage!("load.text_encoder");
            TextEncoder::load(&config.text_encoder, &weights("text_encoder")?)?
        };
        let high_noise = {
            let _load = stage!("load.transformer");
            Transformer::load(&config.transformer, &weights("transformer")?)?
        };
        let low_noise = {
            let _load = stage!("load.transformer_2");
            Transformer::load(&config.transformer_2, &weights("transformer_2")?)?
        };
        let vae = {
            let _load = stage!("load.vae");
            Vae::load(&config.vae, &source.weights("vae", DType::F32, device)?)?
        };
        let experts = Experts { high_noise, low_noise };
        Ok(Self { tokenizer, text_encoder, experts, vae, config, device: device.clone() })
    }

    /// Generates a video and writes it to `output`.
    ///
    /// An iteration of the profiler's schedule is a whole forward pass, as vLLM-Omni counts them,
    /// and not a denoising step: `max_iterations: 1` records one video from its prompt to its file.
    ///
    /// # Errors
    /// As [`Pipeline::generate`], and if the video cannot be written.
    #[profiled_step("diffusion_forward")]
    pub fn run(
        &self,
        request: &Request,
        picture: &Picture,
        output: &Output,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let _forward = stage!("pipeline.forward");
        let video = self.generate(request, picture, observer)?;
        output.write(&video)
    }

    /// Generates a video.
    ///
    /// # Errors
    /// If an argument of the request is out of range, or the device has too little memory.
    pub fn generate(&self, request: &Request, picture: &Picture, observer: &mut dyn Observer) -> Result<Video> {
        let latents = self.denoise(request, picture, None, observer)?;
        self.decode(&latents, request, observer)
    }

    /// Does the first part of [`Pipeline::generate`]: everything up to the latents, `[T, z, h, w]`.
    ///
    /// This process makes one of the two predictions of each step if there is a `split` and the
    /// request is guided. The other process must be given the same request and picture, and arrives
    /// at the same latents.
    ///
    /// # Errors
    /// As [`Pipeline::generate`], and if the other process gives up.
    pub fn denoise(
        &self,
        request: &Request,
        picture: &Picture,
        split: Option<&mut dyn GuidanceSplit>,
        observer: &mut dyn Observer,
    ) -> Result<Tensor> {
        self.validate_input(request)?;
        let split = split.filter(|_| request.is_guided());
        let prompts = self.encode_text(request, split.as_ref().map(|split| split.own()), observer)?;
        let pixels = image::to_tensor(picture, request.width, request.height, &self.device)?;
        observer.on_tensor(format_args!("image"), &pixels);
        let encode = |observer: &mut dyn Observer| self.vae.encode(&pixels, request.frames(), observer);
        let picture = timed("vae.encode", observer, encode)?;
        let (condition, noise) = self.prepare_latents(request, &picture, observer)?;
        let schedule = self.prepare_timesteps(request);
        let conditions = Conditions { request, prompts, condition, schedule };
        timed("diffuse", observer, |observer| self.experts.diffuse(&conditions, noise, split, observer))
    }

    /// Does the second part of [`Pipeline::generate`]: decodes the latents to a video.
    ///
    /// # Errors
    /// If the device has too little memory.
    pub fn decode(&self, latents: &Tensor, request: &Request, observer: &mut dyn Observer) -> Result<Video> {
        let frames = timed("vae.decode", observer, |observer| self.vae.decode(latents, observer))?;
        observer.on_tensor(format_args!("video"), &frames);
        Ok(Video::from_tensor(&frames, request.fps)?)
    }

    #[profiled_stage("input_validation")]
    fn validate_input(&self, request: &Request) -> Result<()> {
        request.validate(&self.config)
    }

    /// Encodes the prompts for which this process makes predictions: both, or the one of its `own`
    /// prediction.
    #[profiled_stage("text_encoding")]
    fn encode_text(&self, request: &Request, own: Option<Prediction>, observer: &mut dyn Observer) -> Result<Prompts> {
        let mut encode = |prediction: Prediction| -> Result<Tensor> {
            let (name, text) = match prediction {
                Prediction::Positive => ("prompt", &request.prompt),
                Prediction::Negative => ("negative_prompt", &request.negative_prompt),
            };
            let length = request.max_sequence_length;
            let ids = timed("tokenizer.forward", observer, |_| self.tokenizer.forward(text, length))?;
            observer.on_tensor(format_args!("text.{name}.input_ids"), &Tensor::new(ids.as_slice(), &Device::Cpu)?);
            let forward = |observer: &mut dyn Observer| self.text_encoder.forward(&ids, length, observer);
            let embeds = timed("text_encoder.forward", observer, forward)?;
            observer.on_tensor(format_args!("{name}_embeds"), &embeds);
            Ok(embeds)
        };
        match own {
            Some(own) => Ok(Prompts::One(own, encode(own)?)),
            None if request.is_guided() => {
                let positive = encode(Prediction::Positive)?;
                Ok(Prompts::Both { positive, negative: encode(Prediction::Negative)? })
            }
            None => Ok(Prompts::One(Prediction::Positive, encode(Prediction::Positive)?)),
        }
    }

    /// Returns the condition and the initial noise.
    ///
    /// The condition is a mask of four channels, which is 1 only in the picture's frame, the first
    /// one, followed by the encoded picture. The noise is drawn in the reference's order,
    /// `[z, T, h, w]`.
    #[profiled_stage("latent_preparation")]
    fn prepare_latents(
        &self,
        request: &Request,
        picture: &Tensor,
        observer: &mut dyn Observer,
    ) -> Result<(Tensor, Tensor)> {
        let (frames, height, width) = request.latent_size();
        let mask = Tensor::ones((1, FRAMES_PER_LATENT, height, width), DType::F32, &self.device)?;
        let condition = Tensor::cat(&[&mask.pad_with_zeros(0, 0, frames - 1)?, picture], 1)?;
        observer.on_tensor(format_args!("condition"), &condition);

        let channels = self.config.vae.z_dim;
        let noise = formula::normal(&format!("latents/{}", request.seed), channels * frames * height * width);
        let noise = Tensor::from_vec(noise, (channels, frames, height, width), &self.device)?;
        let noise = noise.transpose(0, 1)?.contiguous()?;
        observer.on_tensor(format_args!("latents_init"), &noise);
        Ok((condition, noise))
    }

    #[profiled_stage("timestep_preparation")]
    fn prepare_timesteps(&self, request: &Request) -> Schedule {
        Schedule::new(request.num_inference_steps, request.flow_shift, self.config.scheduler.num_train_timesteps)
    }
}
