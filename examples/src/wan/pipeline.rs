//! The pipeline: a picture and a prompt to a video, stage by stage.
//!
//! Each stage is a function of its own, named as profilers of the Python engines name it, so that a trace of this
//! program reads like theirs.

use ::image::RgbImage;
use candle_core::{DType, Device, Tensor};

use super::config::ModelConfig;
use super::formula;
use super::observer::Observer;
use super::request::{Expert, Request};
use super::source::Source;
use super::text_encoder::TextEncoder;
use super::tokenizer::Tokenizer;
use super::transformer::{Rotary, Transformer};
use super::unipc::{Schedule, UniPc};
use super::vae::{FRAMES_PER_LATENT, Vae};
use crate::video::{Output, Video};
use crate::{Result, image};

/// The whole model, loaded and ready; makes any number of videos.
pub struct Pipeline {
    tokenizer: Tokenizer,
    text_encoder: TextEncoder,
    transformer: Transformer,
    transformer_2: Transformer,
    vae: Vae,
    config: ModelConfig,
    device: Device,
    dtype: DType,
}

/// The embedded prompts; without guidance there is no negative one.
struct Prompts {
    positive: Tensor,
    negative: Option<Tensor>,
}

/// What stays the same over the denoising steps.
struct Denoising<'a> {
    request: &'a Request,
    prompts: &'a Prompts,
    /// The encoded picture and its mask, `[T, 20, h, w]`.
    condition: Tensor,
    schedule: Schedule,
    rotary: Rotary,
}

impl Pipeline {
    /// Loads every component. The text encoder and the transformers run in [`Source::dtype`], the VAE in f32.
    ///
    /// # Errors
    /// When a file is missing or corrupt, a tensor is missing or misshapen, or the device has too little memory.
    pub fn load(source: &Source, device: &Device) -> Result<Self> {
        let config = source.config()?;
        let dtype = source.dtype(device);
        let weights = |component| source.weights(component, dtype, device);
        Ok(Self {
            tokenizer: Tokenizer::load(source)?,
            text_encoder: TextEncoder::load(&config.text_encoder, &weights("text_encoder")?)?,
            transformer: Transformer::load(&config.transformer, &weights("transformer")?)?,
            transformer_2: Transformer::load(&config.transformer_2, &weights("transformer_2")?)?,
            vae: Vae::load(&config.vae, &source.weights("vae", DType::F32, device)?)?,
            config,
            device: device.clone(),
            dtype,
        })
    }

    /// Makes a video and writes it to `output`.
    ///
    /// # Errors
    /// As [`Pipeline::generate`], and when the video cannot be written.
    pub fn forward(
        &self,
        request: &Request,
        picture: &RgbImage,
        output: &Output,
        observer: &mut dyn Observer,
    ) -> Result<Video> {
        let video = self.generate(request, picture, observer)?;
        output.write(&video)?;
        Ok(video)
    }

    /// Makes a video.
    ///
    /// # Errors
    /// When an argument of the request is out of range, or the device has too little memory.
    pub fn generate(&self, request: &Request, picture: &RgbImage, observer: &mut dyn Observer) -> Result<Video> {
        self.validate_input(request)?;
        let prompts = self.encode_text(request, observer)?;
        let condition = self.prepare_condition(request, picture, observer)?;
        let latents = self.prepare_latents(request, observer)?;
        let schedule = self.prepare_timesteps(request);
        let rotary = self.rotary(request, observer)?;
        let denoising = Denoising { request, prompts: &prompts, condition, schedule, rotary };
        let latents = self.diffuse(&denoising, latents, observer)?;
        let frames = self.decode(&latents, observer)?;
        Ok(Video::from_tensor(&frames, request.fps)?)
    }

    fn validate_input(&self, request: &Request) -> Result<()> {
        request.validate(&self.config)
    }

    fn encode_text(&self, request: &Request, observer: &mut dyn Observer) -> Result<Prompts> {
        let mut encode = |name: &str, text: &str| -> Result<Tensor> {
            let length = request.max_sequence_length;
            let ids = self.tokenizer.forward(text, length)?;
            observer.on_tensor(format_args!("text.{name}.input_ids"), &Tensor::new(ids.as_slice(), &Device::Cpu)?);
            let embeds = self.text_encoder.forward(&ids, length, observer)?;
            observer.on_tensor(format_args!("{name}_embeds"), &embeds);
            Ok(embeds)
        };
        Ok(Prompts {
            positive: encode("prompt", &request.prompt)?,
            negative: request.is_guided().then(|| encode("negative_prompt", &request.negative_prompt)).transpose()?,
        })
    }

    /// The picture as latents, behind a mask of four channels that is 1 where the picture is: the first frame.
    fn prepare_condition(&self, request: &Request, picture: &RgbImage, observer: &mut dyn Observer) -> Result<Tensor> {
        let pixels = image::to_tensor(picture, request.width, request.height, &self.device)?;
        observer.on_tensor(format_args!("image"), &pixels);
        let latents = self.vae.encode(&pixels, request.frames(), observer)?;
        let (frames, height, width) = request.latent_size();
        let mask = Tensor::ones((1, FRAMES_PER_LATENT, height, width), DType::F32, &self.device)?;
        let condition = Tensor::cat(&[&mask.pad_with_zeros(0, 0, frames - 1)?, &latents], 1)?;
        observer.on_tensor(format_args!("condition"), &condition);
        Ok(condition)
    }

    /// The initial noise, drawn in the reference's order `[z, T, h, w]`.
    fn prepare_latents(&self, request: &Request, observer: &mut dyn Observer) -> Result<Tensor> {
        let (frames, height, width) = request.latent_size();
        let channels = self.config.vae.z_dim;
        let noise = formula::normal(&format!("latents/{}", request.seed), channels * frames * height * width);
        let noise = Tensor::from_vec(noise, (channels, frames, height, width), &self.device)?;
        let latents = noise.transpose(0, 1)?.contiguous()?;
        observer.on_tensor(format_args!("latents_init"), &latents);
        Ok(latents)
    }

    fn prepare_timesteps(&self, request: &Request) -> Schedule {
        Schedule::new(request.num_inference_steps, request.flow_shift, self.config.scheduler.num_train_timesteps)
    }

    fn rotary(&self, request: &Request, observer: &mut dyn Observer) -> Result<Rotary> {
        let (frames, height, width) = request.latent_size();
        let [patch_frames, rows, columns] = self.config.transformer.patch_size;
        let grid = (frames / patch_frames, height / rows, width / columns);
        let rotary = Rotary::new(&self.config.transformer, grid, &self.device)?;
        let (cos, sin) = rotary.tables();
        observer.on_tensor(format_args!("dit.rope_cos"), cos);
        observer.on_tensor(format_args!("dit.rope_sin"), sin);
        Ok(rotary)
    }

    fn diffuse(&self, denoising: &Denoising<'_>, latents: Tensor, observer: &mut dyn Observer) -> Result<Tensor> {
        let mut solver = UniPc::new(denoising.schedule.clone());
        let mut latents = latents;
        for step in 0..denoising.schedule.timesteps.len() {
            latents = self.denoise_step(denoising, step, &latents, &mut solver, observer)?;
            observer.on_step(step + 1);
        }
        Ok(latents)
    }

    fn denoise_step(
        &self,
        denoising: &Denoising<'_>,
        step: usize,
        latents: &Tensor,
        solver: &mut UniPc,
        observer: &mut dyn Observer,
    ) -> Result<Tensor> {
        let (request, timestep) = (denoising.request, denoising.schedule.timesteps[step]);
        let (expert, guidance) = match request.expert(timestep, self.config.scheduler.num_train_timesteps) {
            Expert::HighNoise => (&self.transformer, request.guidance_scale),
            Expert::LowNoise => (&self.transformer_2, request.guidance_scale_2),
        };
        let input = Tensor::cat(&[latents, &denoising.condition], 1)?;
        observer.on_tensor(format_args!("step{step}.model_input"), &input);
        let input = input.to_dtype(self.dtype)?;

        let mut velocity_for = |prompt: &Tensor, name: &str| -> Result<Tensor> {
            let velocity =
                expert.forward(&input, timestep, prompt, &denoising.rotary, observer)?.to_dtype(DType::F32)?;
            observer.on_tensor(format_args!("step{step}.noise_pred_{name}"), &velocity);
            Ok(velocity)
        };
        let mut velocity = velocity_for(&denoising.prompts.positive, "cond")?;
        if let Some(negative) = &denoising.prompts.negative {
            let unguided = velocity_for(negative, "uncond")?;
            velocity = (&unguided + ((velocity - &unguided)? * guidance)?)?;
        }
        observer.on_tensor(format_args!("step{step}.noise_pred"), &velocity);
        let latents = solver.step(&velocity, latents)?;
        observer.on_tensor(format_args!("step{step}.latents"), &latents);
        Ok(latents)
    }

    fn decode(&self, latents: &Tensor, observer: &mut dyn Observer) -> Result<Tensor> {
        let frames = self.vae.decode(latents, observer)?;
        observer.on_tensor(format_args!("video"), &frames);
        Ok(frames)
    }
}
