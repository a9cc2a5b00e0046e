//! The condition of every block: the timestep and the prompt, embedded once per call.

use candle_core::{DType, Result, Tensor};
use candle_nn::VarBuilder;

use crate::wan::config::TransformerConfig;
use crate::wan::layers::Linear;
use crate::wan::observer::Observer;

/// The embedders (`condition_embedder`).
pub(super) struct Condition {
    time_in: Linear,
    time_out: Linear,
    time_projection: Linear,
    text_in: Linear,
    text_out: Linear,
    frequencies: usize,
    dtype: DType,
}

/// The embedded condition.
pub(super) struct Embedded {
    /// `[1, dim]`.
    pub(super) time: Tensor,
    /// Shift, scale and gate of the two halves of a block: `[1, 6, dim]`.
    pub(super) modulation: Tensor,
    /// `[1, length, dim]`.
    pub(super) text: Tensor,
}

impl Condition {
    pub(super) fn load(config: &TransformerConfig, vb: &VarBuilder<'_>) -> Result<Self> {
        let dim = config.dim();
        // The time embedder stays in f32, because BF16 cannot distinguish neighbouring timesteps.
        let time = vb.pp("time_embedder").to_dtype(DType::F32);
        let text = vb.pp("text_embedder");
        Ok(Self {
            time_in: Linear::load(&time.pp("linear_1"), config.freq_dim, dim)?,
            time_out: Linear::load(&time.pp("linear_2"), dim, dim)?,
            time_projection: Linear::load(&vb.pp("time_proj"), dim, 6 * dim)?,
            text_in: Linear::load(&text.pp("linear_1"), config.text_dim, dim)?,
            text_out: Linear::load(&text.pp("linear_2"), dim, dim)?,
            frequencies: config.freq_dim / 2,
            dtype: vb.dtype(),
        })
    }

    pub(super) fn forward(&self, timestep: usize, text: &Tensor, observer: &mut dyn Observer) -> Result<Embedded> {
        let waves = Tensor::new(self.waves(timestep), text.device())?.unsqueeze(0)?;
        observer.on_tensor(format_args!("dit.timesteps_proj"), &waves);
        let time = self.time_out.forward(&self.time_in.forward(&waves)?.silu()?)?.to_dtype(self.dtype)?;
        observer.on_tensor(format_args!("dit.temb"), &time);
        let modulation = self.time_projection.forward(&time.silu()?)?.reshape((1, 6, ()))?;
        observer.on_tensor(format_args!("dit.timestep_proj"), &modulation);
        let text = self.text_out.forward(&self.text_in.forward(text)?.gelu()?)?;
        observer.on_tensor(format_args!("dit.text"), &text);
        Ok(Embedded { time, modulation, text })
    }

    /// Returns cosines, then sines, of the timestep at geometrically falling frequencies.
    fn waves(&self, timestep: usize) -> Vec<f32> {
        let step = -(10_000f32.ln()) / self.frequencies as f32;
        let angle = |i: usize| timestep as f32 * (step * i as f32).exp();
        let cosines = (0..self.frequencies).map(|i| angle(i).cos());
        let sines = (0..self.frequencies).map(|i| angle(i).sin());
        cosines.chain(sines).collect()
    }
}
