//! The denoising loop, in which two experts, one after the other, turn noise into latents.
//!
//! A guided step combines two independent predictions, for the prompt and for the negative prompt.
//! Two processes that share a [`GuidanceSplit`] make one each, exchange them, and continue with the
//! same latents.

use candle_core::Tensor;
use profiler_runtime::{profiled_stage, profiled_step};

use super::observer::Observer;
use super::request::{Expert, Request};
use super::transformer::{Rotary, Transformer};
use super::unipc::{Schedule, UniPc};
use crate::Result;

/// One of the two predictions that guidance combines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prediction {
    /// Prediction for the prompt.
    Positive,
    /// Prediction for the negative prompt.
    Negative,
}

impl Prediction {
    /// Returns Diffusers' name for tensors of this prediction.
    fn name(self) -> &'static str {
        match self {
            Self::Positive => "cond",
            Self::Negative => "uncond",
        }
    }
}

/// The other process of a pair that splits the work of guidance.
pub trait GuidanceSplit {
    /// Returns the prediction that this process makes; the other process makes the other one.
    fn own(&self) -> Prediction;

    /// Sends this process's prediction to the other process, and returns the other one's, in f32
    /// and of the same shape.
    ///
    /// # Errors
    /// If the other process has given up.
    fn exchange(&mut self, own: &Tensor) -> Result<Tensor>;
}

/// Embedded prompts for which this process makes predictions.
pub(crate) enum Prompts {
    /// One prompt: without guidance, or if another process makes the other prediction.
    One(Prediction, Tensor),
    /// Both prompts of guidance.
    Both { positive: Tensor, negative: Tensor },
}

/// Inputs that stay the same in all steps.
pub(crate) struct Conditions<'a> {
    pub(crate) request: &'a Request,
    pub(crate) prompts: Prompts,
    /// The mask and the encoded picture, `[T, 20, h, w]`.
    pub(crate) condition: Tensor,
    pub(crate) schedule: Schedule,
}

/// The two transformers.
pub(crate) struct Experts {
    pub(crate) high_noise: Transformer,
    pub(crate) low_noise: Transformer,
}

/// State that changes from step to step.
struct Progress<'a> {
    latents: Tensor,
    solver: UniPc,
    split: Option<&'a mut dyn GuidanceSplit>,
}

impl Experts {
    /// Turns `noise` (`[T, z, h, w]`, f32) into latents of the same shape.
    #[profiled_stage("diffuse")]
    pub(crate) fn diffuse(
        &self,
        conditions: &Conditions<'_>,
        noise: Tensor,
        split: Option<&mut dyn GuidanceSplit>,
        observer: &mut dyn Observer,
    ) -> Result<Tensor> {
        let rotary = self.high_noise.rotary(&noise)?;
        let (cos, sin) = rotary.tables();
        observer.on_tensor(format_args!("dit.rope_cos"), cos);
        observer.on_tensor(format_args!("dit.rope_sin"), sin);
        let mut progress = Progress { latents: noise, solver: UniPc::new(conditions.schedule.clone()), split };
        for (step, timestep) in conditions.schedule.timesteps.iter().enumerate() {
            self.denoise_step(conditions, &rotary, (step, *timestep), &mut progress, observer)?;
            observer.on_step(step + 1);
        }
        Ok(progress.latents)
    }

    #[profiled_step("denoise_step", index = step)]
    fn denoise_step(
        &self,
        conditions: &Conditions<'_>,
        rotary: &Rotary,
        (step, timestep): (usize, usize),
        progress: &mut Progress<'_>,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let request = conditions.request;
        let (expert, guidance) = match request.expert(timestep, conditions.schedule.num_train_timesteps) {
            Expert::HighNoise => (&self.high_noise, request.guidance_scale),
            Expert::LowNoise => (&self.low_noise, request.guidance_scale_2),
        };
        let input = Tensor::cat(&[&progress.latents, &conditions.condition], 1)?;
        observer.on_tensor(format_args!("step{step}.model_input"), &input);

        let mut predict = |prediction: Prediction, prompt: &Tensor| -> Result<Tensor> {
            let velocity = expert.forward(&input, timestep, prompt, rotary, observer)?;
            observer.on_tensor(format_args!("step{step}.noise_pred_{}", prediction.name()), &velocity);
            Ok(velocity)
        };
        let velocity = match (&conditions.prompts, &mut progress.split) {
            (Prompts::Both { positive, negative }, _) => {
                let positive = predict(Prediction::Positive, positive)?;
                guide(&positive, &predict(Prediction::Negative, negative)?, guidance)?
            }
            (Prompts::One(prediction, prompt), None) => predict(*prediction, prompt)?,
            (Prompts::One(prediction, prompt), Some(split)) => {
                let own = predict(*prediction, prompt)?;
                let other = split.exchange(&own)?;
                match prediction {
                    Prediction::Positive => guide(&own, &other, guidance)?,
                    Prediction::Negative => guide(&other, &own, guidance)?,
                }
            }
        };
        observer.on_tensor(format_args!("step{step}.noise_pred"), &velocity);

        progress.latents = progress.solver.step(&velocity, &progress.latents)?;
        observer.on_tensor(format_args!("step{step}.latents"), &progress.latents);
        Ok(())
    }
}

/// Extrapolates from the negative prediction through the positive one.
fn guide(positive: &Tensor, negative: &Tensor, guidance: f64) -> Result<Tensor> {
    Ok((negative + ((positive - negative)? * guidance)?)?)
}
