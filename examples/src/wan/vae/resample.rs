//! Changes of resolution: halving in the encoder and doubling in the decoder, in space and, in some
//! blocks, in time.
//!
//! The first chunk of a video is a single frame and stays one: it skips the temporal convolution.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::conv::CausalConv3d;
use super::stream::Stream;
use crate::wan::layers::Conv2d;

/// Halves height and width and, with `temporal`, the number of frames.
pub(super) struct Downsample {
    spatial: Conv2d,
    temporal: Option<CausalConv3d>,
}

impl Downsample {
    pub(super) fn load(vb: &VarBuilder<'_>, channels: usize, temporal: bool) -> Result<Self> {
        let time_conv = || CausalConv3d::load(&vb.pp("time_conv"), channels, channels, [3, 1, 1]);
        Ok(Self {
            spatial: Conv2d::load(&vb.pp("resample.1"), (channels, channels), 3, 0, 2)?,
            temporal: temporal.then(time_conv).transpose()?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor, stream: &mut Stream) -> Result<Tensor> {
        // Padded only at the right and at the bottom, so that an even size is exactly halved.
        let x = self.spatial.forward(&x.pad_with_zeros(2, 0, 1)?.pad_with_zeros(3, 0, 1)?)?;
        let Some(temporal) = &self.temporal else {
            return Ok(x);
        };
        let last_frame = stream.slot();
        let before = last_frame.replace(x.narrow(0, x.dim(0)? - 1, 1)?.force_contiguous()?);
        match before {
            None => Ok(x),
            Some(before) => temporal.forward_strided(&before, &x),
        }
    }
}

/// Doubles height and width, halves the channels and, with `temporal`, doubles the number of
/// frames.
pub(super) struct Upsample {
    spatial: Conv2d,
    temporal: Option<CausalConv3d>,
}

impl Upsample {
    pub(super) fn load(vb: &VarBuilder<'_>, channels: usize, temporal: bool) -> Result<Self> {
        let time_conv = || CausalConv3d::load(&vb.pp("time_conv"), channels, 2 * channels, [3, 1, 1]);
        Ok(Self {
            spatial: Conv2d::load(&vb.pp("resample.1"), (channels, channels / 2), 3, 1, 1)?,
            temporal: temporal.then(time_conv).transpose()?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor, stream: &mut Stream) -> Result<Tensor> {
        let x = match &self.temporal {
            Some(temporal) => {
                let first = stream.is_first_chunk();
                let history = stream.slot();
                // The first frame is not stored, so the second chunk starts from zeros.
                if first { x.clone() } else { interleave(&temporal.forward(x, history)?)? }
            }
            None => x.clone(),
        };
        let (_, _, height, width) = x.dims4()?;
        self.spatial.forward(&x.upsample_nearest2d(2 * height, 2 * width)?)
    }
}

/// Converts `[frames, 2·channels, h, w]` to `[2·frames, channels, h, w]`: the halves of the
/// channels are successive frames.
fn interleave(x: &Tensor) -> Result<Tensor> {
    let (frames, channels, height, width) = x.dims4()?;
    x.reshape((2 * frames, channels / 2, height, width))
}
