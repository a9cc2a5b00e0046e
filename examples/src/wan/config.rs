//! The model's configuration: the fields of its `config.json` files that this pipeline reads.
//!
//! The names are those of Diffusers and Transformers, so that the same structs read a directory and
//! describe the two built-in sizes. Fields that only restate the fixed architecture are checked by
//! [`super::directory`] and not stored.

use serde::Deserialize;

/// The denoising transformer (`WanTransformer3DModel`).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[allow(missing_docs, reason = "the names are those of config.json")]
pub struct TransformerConfig {
    pub patch_size: [usize; 3],
    pub num_attention_heads: usize,
    pub attention_head_dim: usize,
    pub in_channels: usize,
    pub out_channels: usize,
    pub text_dim: usize,
    pub freq_dim: usize,
    pub ffn_dim: usize,
    pub num_layers: usize,
    pub eps: f64,
}

impl TransformerConfig {
    /// Returns the width of a token.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.num_attention_heads * self.attention_head_dim
    }

    /// Returns a size that a laptop denoises in milliseconds. All structural numbers are those of
    /// the real model.
    #[must_use]
    pub fn tiny() -> Self {
        Self {
            patch_size: [1, 2, 2],
            num_attention_heads: 2,
            attention_head_dim: 16,
            in_channels: 36,
            out_channels: 16,
            text_dim: 32,
            freq_dim: 256,
            ffn_dim: 64,
            num_layers: 2,
            eps: 1e-6,
        }
    }

    /// Returns a size at which denoising outweighs the VAE, as in the real model.
    #[must_use]
    pub fn small() -> Self {
        Self { num_attention_heads: 4, attention_head_dim: 64, ffn_dim: 1024, num_layers: 8, ..Self::tiny() }
    }
}

/// The video autoencoder (`AutoencoderKLWan`).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[allow(missing_docs, reason = "the names are those of config.json")]
pub struct VaeConfig {
    pub base_dim: usize,
    pub z_dim: usize,
    pub dim_mult: Vec<usize>,
    pub num_res_blocks: usize,
    /// Spelled as in Diffusers.
    pub temperal_downsample: Vec<bool>,
    pub latents_mean: Vec<f32>,
    pub latents_std: Vec<f32>,
}

impl VaeConfig {
    /// Returns the real structure, with its 194 tensors, at 4 base channels instead of 96.
    #[must_use]
    pub fn tiny() -> Self {
        Self {
            base_dim: 4,
            z_dim: 16,
            dim_mult: vec![1, 2, 4, 4],
            num_res_blocks: 2,
            temperal_downsample: vec![false, true, true],
            latents_mean: vec![
                -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134, -0.0715, 0.5517, -0.3632,
                -0.1922, -0.9497, 0.2503, -0.2921,
            ],
            latents_std: vec![
                2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687, 2.1526, 2.8652, 1.5579, 1.6382,
                1.1253, 2.8251, 1.9160,
            ],
        }
    }
}

/// The text encoder (`UMT5EncoderModel`).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[allow(missing_docs, reason = "the names are those of config.json")]
pub struct TextEncoderConfig {
    pub vocab_size: usize,
    pub d_model: usize,
    pub d_kv: usize,
    pub d_ff: usize,
    pub num_layers: usize,
    pub num_heads: usize,
    pub relative_attention_num_buckets: usize,
    pub relative_attention_max_distance: usize,
    pub layer_norm_epsilon: f64,
}

impl TextEncoderConfig {
    /// Returns two layers of width 32, for the 384 pieces of the built-in tokenizer.
    #[must_use]
    pub fn tiny() -> Self {
        Self {
            vocab_size: 384,
            d_model: 32,
            d_kv: 8,
            d_ff: 64,
            num_layers: 2,
            num_heads: 4,
            relative_attention_num_buckets: 32,
            relative_attention_max_distance: 128,
            layer_norm_epsilon: 1e-6,
        }
    }
}

/// The scheduler (`UniPCMultistepScheduler`). Its flow shift always comes from the request.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[allow(missing_docs, reason = "the names are those of config.json")]
pub struct SchedulerConfig {
    pub num_train_timesteps: usize,
}

impl Default for SchedulerConfig {
    fn default() -> Self {
        Self { num_train_timesteps: 1000 }
    }
}

/// The whole model.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "one field per component")]
pub struct ModelConfig {
    pub text_encoder: TextEncoderConfig,
    pub transformer: TransformerConfig,
    pub transformer_2: TransformerConfig,
    pub vae: VaeConfig,
    pub scheduler: SchedulerConfig,
}
