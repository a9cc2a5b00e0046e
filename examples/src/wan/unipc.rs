//! The UniPC solver for flow models: order 2, `bh2`, predicting the clean sample.
//!
//! Each step first corrects the sample that the previous step predicted, now that the model has
//! been evaluated at it, then predicts the next one. All coefficients are scalars in f64; `σ` is
//! the noise level, `α = 1 - σ` the signal's.

use candle_core::{Result, Tensor};
use profiler_runtime::profiled_stage;

/// The noise levels and the model's timesteps of one generation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Schedule {
    /// One level a step, and 0 at the end.
    pub sigmas: Vec<f32>,
    /// What the model is told, out of `num_train_timesteps`.
    pub timesteps: Vec<usize>,
    /// What a noise level of 1 would be as a timestep.
    pub num_train_timesteps: usize,
}

impl Schedule {
    /// `steps` levels from almost 1 downwards, shifted towards high noise by `shift`.
    #[must_use]
    pub fn new(steps: usize, shift: f64, num_train_timesteps: usize) -> Self {
        let train = num_train_timesteps as f64;
        let lowest = 1.0 / train;
        let mut sigmas = Vec::with_capacity(steps + 1);
        for i in 0..steps {
            let linear = 1.0 + (lowest - 1.0) * i as f64 / steps as f64;
            let sigma = shift * linear / (1.0 + (shift - 1.0) * linear);
            // At exactly 1 there is no signal left and its logarithm is infinite.
            sigmas.push(if i == 0 && (sigma - 1.0).abs() < 1e-6 { sigma - 1e-6 } else { sigma });
        }
        let timesteps = sigmas.iter().map(|sigma| (sigma * train) as usize).collect();
        sigmas.push(0.0);
        let sigmas = sigmas.into_iter().map(|sigma| sigma as f32).collect();
        Self { sigmas, timesteps, num_train_timesteps }
    }

    /// The noise level before step `i`, exactly as the f32 that the reference computes with.
    fn sigma(&self, i: usize) -> f64 {
        self.sigmas.get(i).copied().map_or(0.0, f64::from)
    }

    /// Half the logarithm of the signal-to-noise ratio, up to a factor.
    fn lambda(&self, i: usize) -> f64 {
        (1.0 - self.sigma(i)).ln() - self.sigma(i).ln()
    }
}

/// The solver's memory: the clean samples of the last two steps and the sample that the last
/// prediction started from.
pub struct UniPc {
    schedule: Schedule,
    step: usize,
    order: usize,
    clean: Vec<Tensor>,
    start: Option<Tensor>,
}

impl UniPc {
    /// A solver at the beginning of `schedule`.
    #[must_use]
    pub fn new(schedule: Schedule) -> Self {
        Self { schedule, step: 0, order: 0, clean: Vec::new(), start: None }
    }

    /// One step: the model's `velocity` at `sample` gives the next sample. Both are f32.
    ///
    /// # Errors
    /// When the shapes differ, or the device has too little memory.
    #[profiled_stage("scheduler.step")]
    pub fn step(&mut self, velocity: &Tensor, sample: &Tensor) -> Result<Tensor> {
        let clean = (sample - (velocity * self.schedule.sigma(self.step))?)?;
        let sample = self.correct(&clean, sample)?;
        let next = self.predict(&clean, &sample)?;
        self.clean.insert(0, clean);
        self.clean.truncate(2);
        self.start = Some(sample);
        self.step += 1;
        Ok(next)
    }

    /// Redoes the last prediction with the clean sample that the model sees at its end.
    fn correct(&self, clean: &Tensor, sample: &Tensor) -> Result<Tensor> {
        let (Some(start), Some(previous)) = (&self.start, self.clean.first()) else {
            return Ok(sample.clone());
        };
        let (i, schedule) = (self.step, &self.schedule);
        let h = schedule.lambda(i) - schedule.lambda(i - 1);
        let decay = (-h).exp_m1();
        let change = (clean - previous)?;
        let correction = match self.clean.get(1).filter(|_| self.order == 2) {
            None => (change * 0.5)?,
            Some(older) => {
                let r = (schedule.lambda(i - 2) - schedule.lambda(i - 1)) / h;
                let phi = decay / -h - 1.0;
                let b1 = phi / decay;
                let b2 = 2.0 * (phi / -h - 0.5) / decay;
                let (rho_past, rho_now) = ((b1 - b2) / (1.0 - r), (b2 - r * b1) / (1.0 - r));
                (((older - previous)? * (rho_past / r))? + (change * rho_now)?)?
            }
        };
        let alpha = 1.0 - schedule.sigma(i);
        let base = ((start * (schedule.sigma(i) / schedule.sigma(i - 1)))? - (previous * (alpha * decay))?)?;
        base - (correction * (alpha * decay))?
    }

    /// Extrapolates to the next noise level, with the slope of the clean samples where two are
    /// known.
    fn predict(&mut self, clean: &Tensor, sample: &Tensor) -> Result<Tensor> {
        let (i, schedule) = (self.step, &self.schedule);
        self.order = 2.min(schedule.timesteps.len().saturating_sub(i)).min(i + 1);
        let (sigma, next) = (schedule.sigma(i), schedule.sigma(i + 1));
        if next == 0.0 {
            return Ok(clean.clone());
        }
        let h = schedule.lambda(i + 1) - schedule.lambda(i);
        let (alpha, decay) = (1.0 - next, (-h).exp_m1());
        let base = ((sample * (next / sigma))? - (clean * (alpha * decay))?)?;
        match self.clean.first().filter(|_| self.order == 2) {
            None => Ok(base),
            Some(previous) => {
                let r = (schedule.lambda(i - 1) - schedule.lambda(i)) / h;
                base - ((previous - clean)? * (0.5 * alpha * decay / r))?
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    fn high_noise_steps(schedule: &Schedule, boundary: f64) -> usize {
        schedule.timesteps.iter().filter(|t| **t as f64 >= boundary * 1000.0).count()
    }

    #[test]
    fn four_steps_at_shift_five_are_the_golden_ones() {
        let schedule = Schedule::new(4, 5.0, 1000);
        assert_eq!(schedule.timesteps, [999, 937, 833, 625]);
        assert_eq!(schedule.sigmas, [0.999_999, 0.937_578_1, 0.833_610_95, 0.625_936_1, 0.0]);
    }

    #[test]
    fn a_timestep_on_the_boundary_belongs_to_high_noise() {
        let schedule = Schedule::new(4, 3.0, 1000);
        assert_eq!(schedule.timesteps, [999, 900, 750, 500]);
        assert_eq!(high_noise_steps(&schedule, 0.9), 2);
    }

    #[test]
    fn the_boundary_decides_how_many_of_forty_steps_the_high_noise_expert_takes() {
        let schedule = Schedule::new(40, 5.0, 1000);
        assert_eq!(high_noise_steps(&schedule, 0.9), 15);
        assert_eq!(high_noise_steps(&schedule, 0.875), 17);
    }
}
