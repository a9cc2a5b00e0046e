//! Rotary position embedding over a token's frame, row and column.

use candle_core::{DType, Device, Result, Tensor};
use profiler_runtime::profiled_op;

use crate::wan::config::TransformerConfig;

/// Rotation of every token. It depends only on the video's size, so all steps and both experts
/// share one.
pub(crate) struct Rotary {
    cos: Tensor,
    sin: Tensor,
}

impl Rotary {
    /// Computes the rotations of `frames × rows × columns` tokens.
    pub(crate) fn new(config: &TransformerConfig, grid: (usize, usize, usize), device: &Device) -> Result<Self> {
        let (frames, rows, columns) = grid;
        let side = 2 * (config.attention_head_dim / 6);
        let axes = [config.attention_head_dim - 2 * side, side, side];
        let mut angles = Vec::with_capacity(frames * rows * columns * config.attention_head_dim / 2);
        for frame in 0..frames {
            for row in 0..rows {
                for column in 0..columns {
                    for (position, axis) in [frame, row, column].into_iter().zip(axes) {
                        let frequency = |i: usize| 10_000f64.powf(-2.0 * i as f64 / axis as f64);
                        angles.extend((0..axis / 2).map(|i| position as f64 * frequency(i)));
                    }
                }
            }
        }
        let table = |f: fn(f64) -> f64| {
            let values: Vec<f32> = angles.iter().map(|angle| f(*angle) as f32).collect();
            Tensor::from_vec(values, (frames * rows * columns, angles.len() / (frames * rows * columns)), device)
        };
        Ok(Self { cos: table(f64::cos)?, sin: table(f64::sin)? })
    }

    /// Rotates neighbouring pairs of `x` (`[1, heads, tokens, width]`), in f32 whatever its dtype.
    #[profiled_op("rope", shapes(x, self.cos, self.sin))]
    pub(super) fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let exact = x.to_dtype(DType::F32)?.contiguous()?;
        candle_nn::rotary_emb::rope_i(&exact, &self.cos, &self.sin)?.to_dtype(x.dtype())
    }

    /// Returns the cosines and sines, `[tokens, width / 2]` each.
    pub(crate) fn tables(&self) -> (&Tensor, &Tensor) {
        (&self.cos, &self.sin)
    }
}
