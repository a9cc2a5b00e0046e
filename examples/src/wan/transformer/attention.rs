//! The attention of a transformer block, over the video's tokens or over the prompt.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::rotary::Rotary;
use crate::wan::attention::attention;
use crate::wan::config::TransformerConfig;
use crate::wan::layers::{Linear, RmsNorm};

pub(super) struct Attention {
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    norm_q: RmsNorm,
    norm_k: RmsNorm,
    heads: usize,
    width: usize,
}

impl Attention {
    pub(super) fn load(config: &TransformerConfig, vb: &VarBuilder<'_>) -> Result<Self> {
        let dim = config.dim();
        let linear = |name: &str| Linear::load(&vb.pp(name), dim, dim);
        // The norm runs over all heads together, before they are split.
        let norm = |name: &str| RmsNorm::load(&vb.pp(name), dim, config.eps);
        Ok(Self {
            to_q: linear("to_q")?,
            to_k: linear("to_k")?,
            to_v: linear("to_v")?,
            to_out: linear("to_out.0")?,
            norm_q: norm("norm_q")?,
            norm_k: norm("norm_k")?,
            heads: config.num_attention_heads,
            width: config.attention_head_dim,
        })
    }

    /// Attends from `x` to `context`. Positions matter only within the video itself.
    pub(super) fn forward(&self, x: &Tensor, context: &Tensor, rotary: Option<&Rotary>) -> Result<Tensor> {
        let mut q = self.split(&self.norm_q.forward(&self.to_q.forward(x)?)?)?;
        let mut k = self.split(&self.norm_k.forward(&self.to_k.forward(context)?)?)?;
        let v = self.split(&self.to_v.forward(context)?)?;
        if let Some(rotary) = rotary {
            (q, k) = (rotary.apply(&q)?, rotary.apply(&k)?);
        }
        let y = attention(&q, &k, &v, None, 1.0 / (self.width as f64).sqrt())?;
        self.to_out.forward(&y.transpose(1, 2)?.flatten_from(2)?)
    }

    fn split(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, tokens, _) = x.dims3()?;
        x.reshape((batch, tokens, self.heads, self.width))?.transpose(1, 2)?.contiguous()
    }
}
