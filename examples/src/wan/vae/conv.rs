//! The VAE's convolution over time. candle has no 3-D convolution, so frames become the batch, and
//! a kernel's frames become channels.
//!
//! A kernel `[out, in, t, h, w]` is stored as `[out, t·in, h, w]`, and the `t` input frames of an
//! output frame are concatenated along the channels. One 2-D convolution then computes the 3-D one.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use profiler_runtime::profiled_op;

/// A causal convolution over time and space: an output frame depends only on its own and earlier
/// input frames.
pub(super) struct CausalConv3d {
    stacked: Tensor,
    bias: Tensor,
    frames: usize,
    padding: usize,
}

impl CausalConv3d {
    /// Loads a kernel of frames, height and width. Padding keeps the spatial size.
    pub(super) fn load(vb: &VarBuilder<'_>, inputs: usize, outputs: usize, kernel: [usize; 3]) -> Result<Self> {
        let [frames, height, width] = kernel;
        let weight = vb.get((outputs, inputs, frames, height, width), "weight")?;
        Ok(Self {
            stacked: weight.permute((0, 2, 1, 3, 4))?.reshape((outputs, frames * inputs, height, width))?,
            bias: vb.get(outputs, "bias")?.reshape((1, outputs, 1, 1))?,
            frames,
            padding: height / 2,
        })
    }

    /// Returns as many frames as `x` has. `history` holds the frames before `x`, or stands for
    /// zeros, and is updated.
    #[profiled_op("causal_conv3d", shapes(x, self.stacked, self.bias), flops = self.flops(x))]
    pub(super) fn forward(&self, x: &Tensor, history: &mut Option<Tensor>) -> Result<Tensor> {
        let past = self.frames - 1;
        if past == 0 {
            return self.convolve(x, 1);
        }
        let padded = match history.take() {
            Some(before) => Tensor::cat(&[&before, x], 0)?,
            None => x.pad_with_zeros(0, past, 0)?,
        };
        // Copied, because a view would keep the whole chunk alive in every layer.
        *history = Some(padded.narrow(0, padded.dim(0)? - past, past)?.force_contiguous()?);
        self.convolve(&padded, 1)
    }

    /// Returns every second output frame of `before` and `x`, without padding.
    #[profiled_op("causal_conv3d", shapes(x, self.stacked, self.bias), flops = self.flops(x) / 2)]
    pub(super) fn forward_strided(&self, before: &Tensor, x: &Tensor) -> Result<Tensor> {
        self.convolve(&Tensor::cat(&[before, x], 0)?, 2)
    }

    fn convolve(&self, x: &Tensor, stride: usize) -> Result<Tensor> {
        let outputs = (x.dim(0)? - self.frames) / stride + 1;
        let seen_at = |offset: usize| {
            if stride == 1 {
                return x.narrow(0, offset, outputs);
            }
            let frames = (0..outputs).map(|i| (i * stride + offset) as u32).collect::<Vec<_>>();
            x.index_select(&Tensor::new(frames, x.device())?, 0)
        };
        let seen = (0..self.frames).map(seen_at).collect::<Result<Vec<_>>>()?;
        Tensor::cat(&seen, 1)?.conv2d(&self.stacked, self.padding, 1, 1, 1)?.broadcast_add(&self.bias)
    }

    /// Counts a product and a sum for every weight at every output pixel, for one output frame per
    /// input frame.
    fn flops(&self, x: &Tensor) -> usize {
        2 * self.stacked.elem_count() * x.dims4().map_or(0, |(frames, _, h, w)| frames * h * w)
    }
}
