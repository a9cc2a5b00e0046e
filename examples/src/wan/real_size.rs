//! Tests that the code requests every tensor of the real A14B checkpoint in the right shape,
//! without the checkpoint.
//!
//! The expected counts are those of the classes of Diffusers and Transformers on the meta device.

use std::sync::{Arc, Mutex};

use candle_core::{DType, Device, Result, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

use super::config::{TextEncoderConfig, TransformerConfig, VaeConfig};
use super::text_encoder::TextEncoder;
use super::transformer::Transformer;
use super::vae::Vae;

/// Backend of tensors that take no memory, which counts the tensors and their elements.
#[derive(Clone, Default)]
struct Census(Arc<Mutex<(usize, usize)>>);

impl SimpleBackend for Census {
    fn get(&self, shape: Shape, _: &str, _: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        let mut count = self.0.lock().unwrap();
        count.0 += 1;
        count.1 += shape.elem_count();
        Tensor::zeros((), dtype, device)?.broadcast_as(shape)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        candle_core::bail!("`{name}` was asked for without a shape")
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

/// Returns the number of tensors that a component requests, and of their elements in millions,
/// rounded.
fn census(dtype: DType, load: impl FnOnce(&VarBuilder<'_>)) -> (usize, usize) {
    let counter = Census::default();
    load(&VarBuilder::from_backend(Box::new(counter.clone()), dtype, Device::Cpu));
    let (tensors, elements) = *counter.0.lock().unwrap();
    (tensors, (elements + 500_000) / 1_000_000)
}

#[test]
fn the_transformer_has_1095_tensors_and_14_billion_parameters() {
    let config = TransformerConfig {
        num_attention_heads: 40,
        attention_head_dim: 128,
        text_dim: 4096,
        ffn_dim: 13_824,
        num_layers: 40,
        ..TransformerConfig::tiny()
    };
    let count = census(DType::F32, |vb| drop(Transformer::load(&config, vb).unwrap()));
    assert_eq!(count, (1095, 14_289));
}

#[test]
fn the_text_encoder_has_242_tensors_and_6_billion_parameters() {
    let config = TextEncoderConfig {
        vocab_size: 256_384,
        d_model: 4096,
        d_kv: 64,
        d_ff: 10_240,
        num_layers: 24,
        num_heads: 64,
        ..TextEncoderConfig::tiny()
    };
    // The reference counts 243, because it lists the token table under both of its names.
    let count = census(DType::F32, |vb| drop(TextEncoder::load(&config, vb).unwrap()));
    assert_eq!(count, (242, 5_681));
}

#[test]
fn the_vae_has_194_tensors() {
    // The number does not depend on the width. The tiny one is faster, because the convolutions
    // rearrange their weights.
    let (tensors, _) = census(DType::F32, |vb| drop(Vae::load(&VaeConfig::tiny(), vb).unwrap()));
    assert_eq!(tensors, 194);
}
