//! One of the transformer's identical layers: self-attention, attention to the prompt,
//! feed-forward.

use candle_core::{DType, Result, Tensor};
use candle_nn::VarBuilder;

use super::attention::Attention;
use super::condition::Embedded;
use super::modulate;
use super::rotary::Rotary;
use crate::wan::config::TransformerConfig;
use crate::wan::layers::{LayerNorm, Linear};
use crate::wan::observer::Observer;

pub(super) struct Block {
    plain_norm: LayerNorm,
    self_attention: Attention,
    cross_norm: LayerNorm,
    cross_attention: Attention,
    ffn_in: Linear,
    ffn_out: Linear,
    scale_shift: Tensor,
}

impl Block {
    pub(super) fn load(config: &TransformerConfig, vb: &VarBuilder<'_>) -> Result<Self> {
        let dim = config.dim();
        Ok(Self {
            plain_norm: LayerNorm::plain(dim, config.eps, vb.device())?,
            self_attention: Attention::load(config, &vb.pp("attn1"))?,
            cross_norm: LayerNorm::load(&vb.pp("norm2"), dim, config.eps)?,
            cross_attention: Attention::load(config, &vb.pp("attn2"))?,
            ffn_in: Linear::load(&vb.pp("ffn.net.0.proj"), dim, config.ffn_dim)?,
            ffn_out: Linear::load(&vb.pp("ffn.net.2"), config.ffn_dim, dim)?,
            scale_shift: vb.to_dtype(DType::F32).get((1, 6, dim), "scale_shift_table")?,
        })
    }

    pub(super) fn forward(
        &self,
        x: &Tensor,
        condition: &Embedded,
        rotary: &Rotary,
        observer: &mut dyn Observer,
    ) -> Result<Tensor> {
        // Rows: shift, scale and gate of the self-attention, then those of the feed-forward.
        let modulation = (&self.scale_shift + condition.modulation.to_dtype(DType::F32)?)?;
        let dtype = x.dtype();

        let y = modulate(&self.plain_norm.forward(x)?, &modulation, 0)?.to_dtype(dtype)?;
        let y = self.self_attention.forward(&y, &y, Some(rotary))?;
        observer.on_tensor(format_args!("attn1"), &y);
        let x = add_gated(x, &y, &modulation.narrow(1, 2, 1)?)?;

        let y = self.cross_norm.forward(&x)?.to_dtype(dtype)?;
        let y = self.cross_attention.forward(&y, &condition.text, None)?;
        observer.on_tensor(format_args!("attn2"), &y);
        let x = (x + y)?;

        let y = modulate(&self.plain_norm.forward(&x)?, &modulation, 3)?.to_dtype(dtype)?;
        let y = self.ffn_out.forward(&self.ffn_in.forward(&y)?.gelu()?)?;
        observer.on_tensor(format_args!("ffn"), &y);
        add_gated(&x, &y, &modulation.narrow(1, 5, 1)?)
    }
}

/// Computes `x + gate · y` in f32 and returns it in the dtype of `x`.
fn add_gated(x: &Tensor, y: &Tensor, gate: &Tensor) -> Result<Tensor> {
    let gated = y.to_dtype(DType::F32)?.broadcast_mul(gate)?;
    (x.to_dtype(DType::F32)? + gated)?.to_dtype(x.dtype())
}
