//! The VAE's encoder: turns a chunk of frames into one latent frame (mean and variance).

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::blocks::{ChannelNorm, Middle, Residual};
use super::conv::CausalConv3d;
use super::resample::Downsample;
use super::stream::Stream;
use crate::wan::config::VaeConfig;
use crate::wan::observer::Observer;

enum Down {
    Residual(Residual),
    Resample(Downsample),
}

pub(super) struct Encoder {
    conv_in: CausalConv3d,
    down_blocks: Vec<Down>,
    middle: Middle,
    norm_out: ChannelNorm,
    conv_out: CausalConv3d,
}

impl Encoder {
    pub(super) fn load(config: &VaeConfig, vb: &VarBuilder<'_>) -> Result<Self> {
        let mut channels = config.base_dim;
        let conv_in = CausalConv3d::load(&vb.pp("conv_in"), 3, channels, [3, 3, 3])?;
        let mut down_blocks = Vec::new();
        for (level, multiple) in config.dim_mult.iter().enumerate() {
            let wider = config.base_dim * multiple;
            for _ in 0..config.num_res_blocks {
                let vb = vb.pp("down_blocks").pp(down_blocks.len());
                down_blocks.push(Down::Residual(Residual::load(&vb, channels, wider)?));
                channels = wider;
            }
            // Resampling happens between levels, so there is none after the last.
            if let Some(temporal) = config.temperal_downsample.get(level) {
                let vb = vb.pp("down_blocks").pp(down_blocks.len());
                down_blocks.push(Down::Resample(Downsample::load(&vb, channels, *temporal)?));
            }
        }
        Ok(Self {
            conv_in,
            down_blocks,
            middle: Middle::load(&vb.pp("mid_block"), channels)?,
            norm_out: ChannelNorm::load(&vb.pp("norm_out"), channels, 3)?,
            conv_out: CausalConv3d::load(&vb.pp("conv_out"), channels, 2 * config.z_dim, [3, 3, 3])?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor, stream: &mut Stream, observer: &mut dyn Observer) -> Result<Tensor> {
        let mut x = self.conv_in.forward(x, stream.slot())?;
        for (i, block) in self.down_blocks.iter().enumerate() {
            x = match block {
                Down::Residual(residual) => residual.forward(&x, stream)?,
                Down::Resample(resample) => resample.forward(&x, stream)?,
            };
            observer.on_tensor(format_args!("vae.enc.down{i}"), &x);
        }
        let x = self.middle.forward(&x, stream)?;
        observer.on_tensor(format_args!("vae.enc.mid"), &x);
        self.conv_out.forward(&self.norm_out.forward(&x)?.silu()?, stream.slot())
    }
}
