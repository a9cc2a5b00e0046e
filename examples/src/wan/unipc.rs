//! The UniPC solver for flow models, of order 2 with `bh2`, which predicts the clean sample.
//!
//! Each step corrects the sample that the previous step predicted, now that the model has been
//! evaluated there, and then predicts the next one. All coefficients are f64 scalars. `σ` is the
//! noise level, `α = 1 - σ` the signal level.

use candle_core::{Result, Tensor};
use profiler_runtime::profiled_stage;

/// Noise levels and timesteps of one generation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Schedule {
    /// Noise level of each step, followed by 0.
    pub sigmas: Vec<f32>,
    /// Timestep of each step, out of `num_train_timesteps`.
    pub timesteps: Vec<usize>,
    /// Timestep of a noise level of 1.
    pub num_train_timesteps: usize,
}

impl Schedule {
    /// Creates `steps` levels from almost 1 downwards, shifted towards high noise by `shift`.
    #[must_use]
    pub fn new(steps: usize, shift: f64, num_train_timesteps: usize) -> Self {
        let train = num_train_timesteps as f64;
        let lowest = 1.0 / train;
        let mut sigmas = Vec::with_capacity(steps + 1);
        for i in 0..steps {
            let linear = 1.0 + (lowest - 1.0) * i as f64 / steps as f64;
            let sigma = shift * linear / (1.0 + (shift - 1.0) * linear);
            // At exactly 1 no signal is left, and its logarithm is infinite.
            sigmas.push(if i == 0 && (sigma - 1.0).abs() < 1e-6 { sigma - 1e-6 } else { sigma });
        }
        let timesteps = sigmas.iter().map(|sigma| (sigma * train) as usize).collect();
        sigmas.push(0.0);
        let sigmas = sigmas.into_iter().map(|sigma| sigma as f32).collect();
        Self { sigmas, timesteps, num_train_timesteps }
    }

    /// Returns the noise level before step `i`, rounded to f32 as in the reference.
    fn sigma(&self, i: usize) -> f64 {
        self.sigmas.get(i).copied().map_or(0.0, f64::from)
    }

    /// Returns half the logarithm of the signal-to-noise ratio, up to a factor.
    fn lambda(&self, i: usize) -> f64 {
        (1.0 - self.sigma(i)).ln() - self.sigma(i).ln()
    }
}

/// The solver, with its state: the clean samples of the last two steps, and the sample from which
/// the last prediction started.
pub struct UniPc {
    schedule: Schedule,
    step: usize,
    order: usize,
    clean: Vec<Tensor>,
    start: Option<Tensor>,
}

impl UniPc {
    /// Creates a solver at the beginning of `schedule`.
    #[must_use]
    pub fn new(schedule: Schedule) -> Self {
        Self { schedule, step: 0, order: 0, clean: Vec::new(), start: None }
    }

    /// Computes the next sample from the model's `velocity` at `sample`. Both are f32.
    ///
    /// # Errors
    /// If the shapes differ, or the device has too little memory.
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

    /// Redoes the last prediction with the clean sample that the model predicts at its end.
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

    /// Extrapolates to the next noise level, with the slope of the clean samples if there are two.
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
    fn the_boundary_decides_how_many_steps_the_expert_takes() {
        let schedule = Schedule::new(40, 5.0, 1000);
        assert_eq!(high_noise_steps(&schedule, 0.9), 15);
        assert_eq!(high_noise_steps(&schedule, 0.875), 17);
    }
}
