//! Blocks that the encoder and the decoder share: channel norm, residual block, attention within a
//! frame, and the middle block.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use profiler_runtime::{flops, profiled_op};

use super::conv::CausalConv3d;
use super::stream::Stream;
use crate::wan::attention::attention;
use crate::wan::layers::Conv2d;

/// Root-mean-square normalisation over the channels of each pixel.
pub(super) struct ChannelNorm {
    gamma: Tensor,
}

impl ChannelNorm {
    /// Loads the norm; `trailing` is the number of dimensions of 1 after the channels in the
    /// checkpoint.
    pub(super) fn load(vb: &VarBuilder<'_>, channels: usize, trailing: usize) -> Result<Self> {
        let mut shape = vec![channels];
        shape.resize(1 + trailing, 1);
        let gamma = vb.get(shape, "gamma")?.reshape((1, channels, 1, 1))?;
        Ok(Self { gamma: (gamma * (channels as f64).sqrt())? })
    }

    #[profiled_op("rms_norm", shapes(x, self.gamma), flops = flops::rms_norm(x.dims()))]
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let length = x.sqr()?.sum_keepdim(1)?.sqrt()?.maximum(1e-12)?;
        x.broadcast_div(&length)?.broadcast_mul(&self.gamma)
    }
}

/// Two convolutions with a residual connection.
pub(super) struct Residual {
    norm1: ChannelNorm,
    conv1: CausalConv3d,
    norm2: ChannelNorm,
    conv2: CausalConv3d,
    shortcut: Option<CausalConv3d>,
}

impl Residual {
    pub(super) fn load(vb: &VarBuilder<'_>, inputs: usize, outputs: usize) -> Result<Self> {
        let shortcut = (inputs != outputs)
            .then(|| CausalConv3d::load(&vb.pp("conv_shortcut"), inputs, outputs, [1, 1, 1]))
            .transpose()?;
        Ok(Self {
            norm1: ChannelNorm::load(&vb.pp("norm1"), inputs, 3)?,
            conv1: CausalConv3d::load(&vb.pp("conv1"), inputs, outputs, [3, 3, 3])?,
            norm2: ChannelNorm::load(&vb.pp("norm2"), outputs, 3)?,
            conv2: CausalConv3d::load(&vb.pp("conv2"), outputs, outputs, [3, 3, 3])?,
            shortcut,
        })
    }

    pub(super) fn forward(&self, x: &Tensor, stream: &mut Stream) -> Result<Tensor> {
        let y = self.conv1.forward(&self.norm1.forward(x)?.silu()?, stream.slot())?;
        let y = self.conv2.forward(&self.norm2.forward(&y)?.silu()?, stream.slot())?;
        match &self.shortcut {
            Some(shortcut) => y + shortcut.forward(x, &mut None)?,
            None => y + x,
        }
    }
}

/// Attention between the pixels of each frame, with one head as wide as the channels.
struct FrameAttention {
    norm: ChannelNorm,
    to_qkv: Conv2d,
    proj: Conv2d,
}

impl FrameAttention {
    fn load(vb: &VarBuilder<'_>, channels: usize) -> Result<Self> {
        Ok(Self {
            norm: ChannelNorm::load(&vb.pp("norm"), channels, 2)?,
            to_qkv: Conv2d::load(&vb.pp("to_qkv"), (channels, 3 * channels), 1, 0, 1)?,
            proj: Conv2d::load(&vb.pp("proj"), (channels, channels), 1, 0, 1)?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (frames, channels, height, width) = x.dims4()?;
        let qkv = self.to_qkv.forward(&self.norm.forward(x)?)?;
        let part = |i: usize| {
            let pixels = qkv.narrow(1, i * channels, channels)?.flatten_from(2)?;
            pixels.transpose(1, 2)?.unsqueeze(1)?.contiguous()
        };
        let y = attention(&part(0)?, &part(1)?, &part(2)?, None, 1.0 / (channels as f64).sqrt())?;
        let y = y.squeeze(1)?.transpose(1, 2)?.reshape((frames, channels, height, width))?;
        x + self.proj.forward(&y)?
    }
}

/// The middle block of the encoder and the decoder, at the lowest resolution.
pub(super) struct Middle {
    before: Residual,
    attention: FrameAttention,
    after: Residual,
}

impl Middle {
    pub(super) fn load(vb: &VarBuilder<'_>, channels: usize) -> Result<Self> {
        Ok(Self {
            before: Residual::load(&vb.pp("resnets.0"), channels, channels)?,
            attention: FrameAttention::load(&vb.pp("attentions.0"), channels)?,
            after: Residual::load(&vb.pp("resnets.1"), channels, channels)?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor, stream: &mut Stream) -> Result<Tensor> {
        let x = self.before.forward(x, stream)?;
        let x = self.attention.forward(&x)?;
        self.after.forward(&x, stream)
    }
}
