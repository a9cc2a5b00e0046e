//! Stable Diffusion's UNet of candle-transformers, tiny and with zero weights: three steps.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::stable_diffusion::unet_2d::{
    BlockConfig, UNet2DConditionModel, UNet2DConditionModelConfig,
};
use profiler_unpatched::{Outcome, prove};

fn main() -> Outcome {
    prove(|| {
        let block = |use_cross_attn| BlockConfig { out_channels: 32, use_cross_attn, attention_head_dim: 8 };
        let config = UNet2DConditionModelConfig {
            blocks: vec![block(Some(1)), block(None)],
            layers_per_block: 1,
            norm_num_groups: 8,
            cross_attention_dim: 16,
            ..UNet2DConditionModelConfig::default()
        };
        let device = Device::Cpu;
        let unet = UNet2DConditionModel::new(VarBuilder::zeros(DType::F32, &device), 4, 4, false, config)?;
        let text = Tensor::zeros((1, 7, 16), DType::F32, &device)?;
        let mut latents = Tensor::zeros((1, 4, 8, 8), DType::F32, &device)?;
        for step in [900.0, 500.0, 100.0] {
            latents = unet.forward(&latents, step, &text)?;
        }
        Ok(())
    })
}
