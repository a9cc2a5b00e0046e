//! The umT5 encoder: converts token ids to the embeddings to which the transformer attends.
//!
//! Unlike in T5, every block has its own relative position bias. Padding is not encoded: masked
//! keys do not affect real tokens, and the pipeline zeroes the padded rows anyway, so zeros are
//! appended instead.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;
use profiler_runtime::profiled_stage;

use super::attention::attention;
use super::config::TextEncoderConfig;
use super::layers::{Embedding, Linear, RmsNorm};
use super::observer::Observer;

pub(crate) struct TextEncoder {
    shared: Embedding,
    blocks: Vec<Block>,
    final_norm: RmsNorm,
    config: TextEncoderConfig,
    device: Device,
}

impl TextEncoder {
    pub(crate) fn load(config: &TextEncoderConfig, vb: &VarBuilder<'_>) -> Result<Self> {
        // Both names denote the same matrix. The release that saved a checkpoint determines which
        // one it uses.
        let table = if vb.contains_tensor("shared.weight") { vb.pp("shared") } else { vb.pp("encoder.embed_tokens") };
        let encoder = vb.pp("encoder");
        let blocks = (0..config.num_layers).map(|i| Block::load(config, &encoder.pp("block").pp(i)));
        Ok(Self {
            shared: Embedding::load(&table, config.vocab_size, config.d_model)?,
            blocks: blocks.collect::<Result<_>>()?,
            final_norm: RmsNorm::load(&encoder.pp("final_layer_norm"), config.d_model, config.layer_norm_epsilon)?,
            config: config.clone(),
            device: vb.device().clone(),
        })
    }

    /// Encodes `ids` without padding as `[1, length, d_model]`; rows beyond the ids are zero.
    #[profiled_stage("text_encoder.forward")]
    pub(crate) fn forward(&self, ids: &[u32], length: usize, observer: &mut dyn Observer) -> Result<Tensor> {
        let mut x = self.shared.forward(&Tensor::new(ids, &self.device)?.unsqueeze(0)?)?;
        let buckets = self.position_buckets(ids.len())?;
        for (i, block) in self.blocks.iter().enumerate() {
            observer.on_tensor(format_args!("text.hidden.{i}"), &x);
            x = block.forward(&x, &buckets)?;
        }
        let x = self.final_norm.forward(&x)?;
        x.pad_with_zeros(1, 0, length.saturating_sub(ids.len()))
    }

    /// Returns the row of the bias table for the distance of every query and key, `[n, n]`.
    fn position_buckets(&self, n: usize) -> Result<Tensor> {
        let pairs = (0..n).flat_map(|query| (0..n).map(move |key| (query, key)));
        let buckets: Vec<u32> = pairs.map(|(query, key)| bucket(&self.config, query, key)).collect();
        Tensor::from_vec(buckets, (n, n), &self.device)
    }
}

/// Returns the bucket of a distance. Half of the buckets are for keys to the right. In each half,
/// half are exact distances, and the rest grow logarithmically up to the maximum distance.
fn bucket(config: &TextEncoderConfig, query: usize, key: usize) -> u32 {
    let side = config.relative_attention_num_buckets / 2;
    let exact = side / 2;
    let distance = key.abs_diff(query);
    let within_side = if distance < exact {
        distance
    } else {
        let octaves =
            (distance as f32 / exact as f32).ln() / (config.relative_attention_max_distance as f32 / exact as f32).ln();
        (exact + (octaves * (side - exact) as f32) as usize).min(side - 1)
    };
    let first = if key > query { side } else { 0 };
    (first + within_side) as u32
}

struct Block {
    attention_norm: RmsNorm,
    q: Linear,
    k: Linear,
    v: Linear,
    o: Linear,
    position_bias: Embedding,
    ffn_norm: RmsNorm,
    gate: Linear,
    up: Linear,
    down: Linear,
    heads: usize,
}

impl Block {
    fn load(config: &TextEncoderConfig, vb: &VarBuilder<'_>) -> Result<Self> {
        let (d_model, inner) = (config.d_model, config.num_heads * config.d_kv);
        let attention = vb.pp("layer.0.SelfAttention");
        let ffn = vb.pp("layer.1.DenseReluDense");
        let linear = Linear::load_without_bias;
        let norm = |layer: &str| RmsNorm::load(&vb.pp(layer).pp("layer_norm"), d_model, config.layer_norm_epsilon);
        let bias = attention.pp("relative_attention_bias");
        Ok(Self {
            attention_norm: norm("layer.0")?,
            q: linear(&attention.pp("q"), d_model, inner)?,
            k: linear(&attention.pp("k"), d_model, inner)?,
            v: linear(&attention.pp("v"), d_model, inner)?,
            o: linear(&attention.pp("o"), inner, d_model)?,
            position_bias: Embedding::load(&bias, config.relative_attention_num_buckets, config.num_heads)?,
            ffn_norm: norm("layer.1")?,
            gate: linear(&ffn.pp("wi_0"), d_model, config.d_ff)?,
            up: linear(&ffn.pp("wi_1"), d_model, config.d_ff)?,
            down: linear(&ffn.pp("wo"), config.d_ff, d_model)?,
            heads: config.num_heads,
        })
    }

    fn forward(&self, x: &Tensor, buckets: &Tensor) -> Result<Tensor> {
        let x = (x + self.attend(&self.attention_norm.forward(x)?, buckets)?)?;
        let y = self.ffn_norm.forward(&x)?;
        let gated = (self.gate.forward(&y)?.gelu()? * self.up.forward(&y)?)?;
        x + self.down.forward(&gated)?
    }

    fn attend(&self, x: &Tensor, buckets: &Tensor) -> Result<Tensor> {
        let (_, tokens, _) = x.dims3()?;
        let heads = |y: Tensor| y.reshape((1, tokens, self.heads, ()))?.transpose(1, 2)?.contiguous();
        let (q, k, v) = (heads(self.q.forward(x)?)?, heads(self.k.forward(x)?)?, heads(self.v.forward(x)?)?);
        let bias = self.position_bias.forward(buckets)?.permute((2, 0, 1))?.unsqueeze(0)?.to_dtype(DType::F32)?;
        // umT5 includes the usual 1/sqrt(width) in its weights.
        let y = attention(&q, &k, &v, Some(&bias), 1.0)?;
        self.o.forward(&y.transpose(1, 2)?.reshape((1, tokens, ()))?)
    }
}

#[cfg(test)]
mod tests {
    use super::{TextEncoderConfig, bucket};

    #[test]
    fn near_keys_have_a_bucket_each_and_far_keys_share_the_last() {
        let config = TextEncoderConfig::tiny();
        let left = [0, 1, 7, 8, 11, 12, 64, 127, 128, 500].map(|distance| bucket(&config, 500, 500 - distance));
        assert_eq!(left, [0, 1, 7, 8, 8, 9, 14, 15, 15, 15]);
        let right = [1, 7, 8, 128].map(|distance| bucket(&config, 0, distance));
        assert_eq!(right, [17, 23, 24, 31]);
    }
}
