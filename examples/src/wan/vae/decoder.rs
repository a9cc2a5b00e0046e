//! The VAE's decoder: turns a latent frame into four frames, or one for the first.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::blocks::{ChannelNorm, Middle, Residual};
use super::conv::CausalConv3d;
use super::resample::Upsample;
use super::stream::Stream;
use crate::wan::config::VaeConfig;
use crate::wan::observer::Observer;

struct Up {
    resnets: Vec<Residual>,
    upsample: Option<Upsample>,
}

pub(super) struct Decoder {
    conv_in: CausalConv3d,
    middle: Middle,
    up_blocks: Vec<Up>,
    norm_out: ChannelNorm,
    conv_out: CausalConv3d,
}

impl Decoder {
    pub(super) fn load(config: &VaeConfig, vb: &VarBuilder<'_>) -> Result<Self> {
        let widest = config.base_dim * config.dim_mult.last().copied().unwrap_or(1);
        let mut channels = widest;
        let mut up_blocks = Vec::new();
        for (level, multiple) in config.dim_mult.iter().rev().enumerate() {
            let vb = vb.pp("up_blocks").pp(level);
            let outputs = config.base_dim * multiple;
            let mut resnets = Vec::new();
            for i in 0..=config.num_res_blocks {
                resnets.push(Residual::load(&vb.pp("resnets").pp(i), channels, outputs)?);
                channels = outputs;
            }
            let upsample = match config.temperal_downsample.iter().rev().nth(level) {
                Some(temporal) => {
                    channels = outputs / 2;
                    Some(Upsample::load(&vb.pp("upsamplers.0"), outputs, *temporal)?)
                }
                None => None,
            };
            up_blocks.push(Up { resnets, upsample });
        }
        Ok(Self {
            conv_in: CausalConv3d::load(&vb.pp("conv_in"), config.z_dim, widest, [3, 3, 3])?,
            middle: Middle::load(&vb.pp("mid_block"), widest)?,
            up_blocks,
            norm_out: ChannelNorm::load(&vb.pp("norm_out"), channels, 3)?,
            conv_out: CausalConv3d::load(&vb.pp("conv_out"), channels, 3, [3, 3, 3])?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor, stream: &mut Stream, observer: &mut dyn Observer) -> Result<Tensor> {
        let x = self.conv_in.forward(x, stream.slot())?;
        let mut x = self.middle.forward(&x, stream)?;
        observer.on_tensor(format_args!("vae.dec.mid"), &x);
        for (i, block) in self.up_blocks.iter().enumerate() {
            for residual in &block.resnets {
                x = residual.forward(&x, stream)?;
            }
            if let Some(upsample) = &block.upsample {
                x = upsample.forward(&x, stream)?;
            }
            observer.on_tensor(format_args!("vae.dec.up{i}"), &x);
        }
        let x = self.conv_out.forward(&self.norm_out.forward(&x)?.silu()?, stream.slot())?;
        observer.on_tensor(format_args!("vae.decode.frame"), &x);
        Ok(x)
    }
}
