//! The denoising loop: two experts, one after the other, turn noise into latents.

use candle_core::Tensor;
use profiler_runtime::{profiled_stage, profiled_step};

use super::observer::Observer;
use super::request::{Expert, Request};
use super::transformer::{Rotary, Transformer};
use super::unipc::{Schedule, UniPc};
use crate::Result;

/// The embedded prompts; without guidance there is no negative one.
pub(crate) struct Prompts {
    pub(crate) positive: Tensor,
    pub(crate) negative: Option<Tensor>,
}

/// What stays the same over the steps.
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

/// What changes from step to step.
struct Progress {
    latents: Tensor,
    solver: UniPc,
}

impl Experts {
    /// From `noise` (`[T, z, h, w]`, f32) to latents of the same shape.
    #[profiled_stage("diffuse")]
    pub(crate) fn diffuse(
        &self,
        conditions: &Conditions<'_>,
        noise: Tensor,
        observer: &mut dyn Observer,
    ) -> Result<Tensor> {
        let rotary = self.high_noise.rotary(&noise)?;
        let (cos, sin) = rotary.tables();
        observer.on_tensor(format_args!("dit.rope_cos"), cos);
        observer.on_tensor(format_args!("dit.rope_sin"), sin);
        let mut progress = Progress { latents: noise, solver: UniPc::new(conditions.schedule.clone()) };
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
        progress: &mut Progress,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let request = conditions.request;
        let (expert, guidance) = match request.expert(timestep, conditions.schedule.num_train_timesteps) {
            Expert::HighNoise => (&self.high_noise, request.guidance_scale),
            Expert::LowNoise => (&self.low_noise, request.guidance_scale_2),
        };
        let input = Tensor::cat(&[&progress.latents, &conditions.condition], 1)?;
        observer.on_tensor(format_args!("step{step}.model_input"), &input);

        let mut velocity_for = |prompt: &Tensor, name: &str| -> Result<Tensor> {
            let velocity = expert.forward(&input, timestep, prompt, rotary, observer)?;
            observer.on_tensor(format_args!("step{step}.noise_pred_{name}"), &velocity);
            Ok(velocity)
        };
        let mut velocity = velocity_for(&conditions.prompts.positive, "cond")?;
        if let Some(negative) = &conditions.prompts.negative {
            let unguided = velocity_for(negative, "uncond")?;
            velocity = (&unguided + ((velocity - &unguided)? * guidance)?)?;
        }
        observer.on_tensor(format_args!("step{step}.noise_pred"), &velocity);

        progress.latents = progress.solver.step(&velocity, &progress.latents)?;
        observer.on_tensor(format_args!("step{step}.latents"), &progress.latents);
        Ok(())
    }
}
