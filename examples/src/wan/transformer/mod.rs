//! The denoising transformer (`WanTransformer3DModel`): predicts a velocity from noisy latents, a
//! timestep and a prompt.
//!
//! The model has two with the same structure, one for high and one for low noise. Latents are
//! `[frames, channels, height, width]` throughout this crate, because the batch is always one
//! video.

mod attention;
mod block;
mod condition;
mod rotary;

use candle_core::{DType, Result, Tensor};
use candle_nn::VarBuilder;
use profiler_runtime::profiled_stage;

use self::block::Block;
use self::condition::Condition;
pub(crate) use self::rotary::Rotary;
use super::config::TransformerConfig;
use super::layers::{Conv2d, LayerNorm, Linear};
use super::observer::Observer;

/// One of the two experts.
pub(crate) struct Transformer {
    patch_embedding: Conv2d,
    condition: Condition,
    blocks: Vec<Block>,
    norm_out: LayerNorm,
    scale_shift: Tensor,
    proj_out: Linear,
    config: TransformerConfig,
    dtype: DType,
}

impl Transformer {
    pub(crate) fn load(config: &TransformerConfig, vb: &VarBuilder<'_>) -> Result<Self> {
        let [frames, height, width] = config.patch_size;
        let (dim, patch) = (config.dim(), frames * height * width);
        let embedding = vb.pp("patch_embedding");
        let kernel = embedding.get((dim, config.in_channels, frames, height, width), "weight")?;
        // A patch is one frame deep, so the embedding is a convolution within each frame.
        let blocks = (0..config.num_layers).map(|i| Block::load(config, &vb.pp("blocks").pp(i)));
        Ok(Self {
            patch_embedding: Conv2d::new(kernel.squeeze(2)?, embedding.get(dim, "bias")?, 0, width)?,
            condition: Condition::load(config, &vb.pp("condition_embedder"))?,
            blocks: blocks.collect::<Result<_>>()?,
            norm_out: LayerNorm::plain(dim, config.eps, vb.device())?,
            scale_shift: vb.to_dtype(DType::F32).get((1, 2, dim), "scale_shift_table")?,
            proj_out: Linear::load(&vb.pp("proj_out"), dim, patch * config.out_channels)?,
            config: config.clone(),
            dtype: vb.dtype(),
        })
    }

    /// Returns the rotations for the tokens of `latents`, which both experts share.
    pub(crate) fn rotary(&self, latents: &Tensor) -> Result<Rotary> {
        let (frames, _, height, width) = latents.dims4()?;
        let [patch_frames, patch_height, patch_width] = self.config.patch_size;
        let grid = (frames / patch_frames, height / patch_height, width / patch_width);
        Rotary::new(&self.config, grid, latents.device())
    }

    /// Predicts the velocity at `latents` (`[frames, in_channels, h, w]`, h and w even), as
    /// `[frames, out_channels, h, w]`. Both are f32 whatever the model's dtype.
    ///
    /// `text` is `[1, length, text_dim]`. Its padding takes part in the attention, as in the
    /// reference.
    #[profiled_stage("transformer.forward")]
    pub(crate) fn forward(
        &self,
        latents: &Tensor,
        timestep: usize,
        text: &Tensor,
        rotary: &Rotary,
        observer: &mut dyn Observer,
    ) -> Result<Tensor> {
        let patches = self.patch_embedding.forward(&latents.to_dtype(self.dtype)?)?;
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
        self.unpatch(&y.to_dtype(DType::F32)?, frames, rows, columns)
    }

    /// Converts tokens back to pixels. Inside a patch the channel varies fastest.
    fn unpatch(&self, tokens: &Tensor, frames: usize, rows: usize, columns: usize) -> Result<Tensor> {
        let [_, height, width] = self.config.patch_size;
        let channels = self.config.out_channels;
        let y = tokens.reshape(vec![frames, rows, columns, height, width, channels])?;
        y.permute(vec![0, 5, 1, 3, 2, 4])?.reshape((frames, channels, rows * height, columns * width))
    }
}

/// Computes `x · (1 + scale) + shift`, where row `row` of `modulation` (`[1, rows, dim]`) is the
/// shift and the next one the scale.
fn modulate(x: &Tensor, modulation: &Tensor, row: usize) -> Result<Tensor> {
    let shift = modulation.narrow(1, row, 1)?;
    let scale = modulation.narrow(1, row + 1, 1)?;
    x.broadcast_mul(&(scale + 1.0)?)?.broadcast_add(&shift)
}

/// Observer that prefixes the names of a block's tensors with its number.
struct BlockObserver<'a> {
    index: usize,
    observer: &'a mut dyn Observer,
}

impl Observer for BlockObserver<'_> {
    fn on_tensor(&mut self, name: std::fmt::Arguments<'_>, tensor: &Tensor) {
        self.observer.on_tensor(format_args!("dit.block{}.{name}", self.index), tensor);
    }
}
