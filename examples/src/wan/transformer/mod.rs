//! The denoising transformer (`WanTransformer3DModel`): noisy latents, a timestep and a prompt to a velocity.
//!
//! The model has two of these with the same structure: one for high noise, one for low noise. Latents are
//! `[frames, channels, height, width]` here and everywhere in this crate: the batch is always one video.

mod attention;
mod block;
mod condition;
mod rotary;

use candle_core::{DType, Result, Tensor};
use candle_nn::VarBuilder;

use self::block::Block;
use self::condition::Condition;
pub(crate) use self::rotary::Rotary;
use super::config::TransformerConfig;
use super::layers::{LayerNorm, Linear};
use super::observer::Observer;

/// One of the two experts.
pub(crate) struct Transformer {
    patch_weight: Tensor,
    patch_bias: Tensor,
    condition: Condition,
    blocks: Vec<Block>,
    norm_out: LayerNorm,
    scale_shift: Tensor,
    proj_out: Linear,
    config: TransformerConfig,
}

impl Transformer {
    pub(crate) fn load(config: &TransformerConfig, vb: &VarBuilder<'_>) -> Result<Self> {
        let [frames, height, width] = config.patch_size;
        let (dim, patch) = (config.dim(), frames * height * width);
        let embedding = vb.pp("patch_embedding");
        let kernel = embedding.get((dim, config.in_channels, frames, height, width), "weight")?;
        let blocks = (0..config.num_layers).map(|i| Block::load(config, &vb.pp("blocks").pp(i)));
        Ok(Self {
            patch_weight: kernel.reshape((dim, config.in_channels * frames, height, width))?,
            patch_bias: embedding.get(dim, "bias")?.reshape((1, dim, 1, 1))?,
            condition: Condition::load(config, &vb.pp("condition_embedder"))?,
            blocks: blocks.collect::<Result<_>>()?,
            norm_out: LayerNorm::plain(dim, config.eps, vb.device())?,
            scale_shift: vb.to_dtype(DType::F32).get((1, 2, dim), "scale_shift_table")?,
            proj_out: Linear::load(&vb.pp("proj_out"), dim, patch * config.out_channels)?,
            config: config.clone(),
        })
    }

    /// The velocity at `latents` (`[frames, in_channels, h, w]`, h and w even), as `[frames, out_channels, h, w]`.
    ///
    /// `text` is `[1, length, text_dim]`; its padding takes part in the attention, as in the reference.
    pub(crate) fn forward(
        &self,
        latents: &Tensor,
        timestep: usize,
        text: &Tensor,
        rotary: &Rotary,
        observer: &mut dyn Observer,
    ) -> Result<Tensor> {
        let patches = self.embed_patches(latents)?;
        observer.on_tensor(format_args!("dit.patch_embedding"), &patches);
        let (frames, dim, rows, columns) = patches.dims4()?;
        let mut x = patches.flatten_from(2)?.transpose(1, 2)?.reshape((1, frames * rows * columns, dim))?;

        let condition = self.condition.forward(timestep, text, observer)?;
        for (i, block) in self.blocks.iter().enumerate() {
            x = block.forward(&x, &condition, rotary, &mut BlockObserver { index: i, observer })?;
            observer.on_tensor(format_args!("dit.block{i}"), &x);
        }

        let modulation = self.scale_shift.broadcast_add(&condition.time.to_dtype(DType::F32)?.unsqueeze(1)?)?;
        let y = modulate(&self.norm_out.forward(&x)?, &modulation, 0)?.to_dtype(x.dtype())?;
        let y = self.proj_out.forward(&y)?;
        observer.on_tensor(format_args!("dit.proj_out"), &y);
        self.unpatch(&y, frames, rows, columns)
    }

    fn embed_patches(&self, latents: &Tensor) -> Result<Tensor> {
        let stride = self.config.patch_size[1];
        latents.conv2d(&self.patch_weight, 0, stride, 1, 1)?.broadcast_add(&self.patch_bias)
    }

    /// Tokens back to pixels; inside a patch the channel varies fastest.
    fn unpatch(&self, tokens: &Tensor, frames: usize, rows: usize, columns: usize) -> Result<Tensor> {
        let [_, height, width] = self.config.patch_size;
        let channels = self.config.out_channels;
        let y = tokens.reshape(vec![frames, rows, columns, height, width, channels])?;
        y.permute(vec![0, 5, 1, 3, 2, 4])?.reshape((frames, channels, rows * height, columns * width))
    }
}

/// `x · (1 + scale) + shift`, where row `row` of `modulation` (`[1, rows, dim]`) is the shift and the next the scale.
fn modulate(x: &Tensor, modulation: &Tensor, row: usize) -> Result<Tensor> {
    let shift = modulation.narrow(1, row, 1)?;
    let scale = modulation.narrow(1, row + 1, 1)?;
    x.broadcast_mul(&(scale + 1.0)?)?.broadcast_add(&shift)
}

/// Prefixes what a block shows with the block's number.
struct BlockObserver<'a> {
    index: usize,
    observer: &'a mut dyn Observer,
}

impl Observer for BlockObserver<'_> {
    fn on_tensor(&mut self, name: std::fmt::Arguments<'_>, tensor: &Tensor) {
        self.observer.on_tensor(format_args!("dit.block{}.{name}", self.index), tensor);
    }
}
