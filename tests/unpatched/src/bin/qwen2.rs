//! Qwen2 of candle-transformers, tiny and with zero weights: a prompt and eight tokens.

use candle_core::{DType, Device, Tensor};
use candle_nn::{Activation, VarBuilder};
use candle_transformers::models::qwen2::{Config, ModelForCausalLM};
use profiler_unpatched::{Outcome, prove};

fn main() -> Outcome {
    prove(|| {
        let config = Config {
            vocab_size: 64,
            hidden_size: 32,
            intermediate_size: 64,
            num_hidden_layers: 3,
            num_attention_heads: 4,
            num_key_value_heads: 2,
            max_position_embeddings: 64,
            sliding_window: 64,
            max_window_layers: 3,
            tie_word_embeddings: true,
            rope_theta: 10_000.0,
            rms_norm_eps: 1e-6,
            use_sliding_window: false,
            hidden_act: Activation::Silu,
        };
        let device = Device::Cpu;
        let mut model = ModelForCausalLM::new(&config, VarBuilder::zeros(DType::F32, &device))?;
        let mut ids = vec![1_u32, 2, 3, 4];
        let mut offset = 0;
        for _ in 0..8 {
            let input = Tensor::new(&ids[offset..], &device)?.unsqueeze(0)?;
            let logits = model.forward(&input, offset)?.flatten_all()?;
            offset = ids.len();
            ids.push(logits.argmax(0)?.to_scalar()?);
        }
        Ok(())
    })
}
