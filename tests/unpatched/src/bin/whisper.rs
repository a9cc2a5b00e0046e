//! Whisper of candle-transformers, tiny and with zero weights: one encoded window, four tokens.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::whisper::{Config, model::Whisper};
use profiler_unpatched::{Outcome, prove};

fn main() -> Outcome {
    prove(|| {
        let config = Config {
            num_mel_bins: 8,
            max_source_positions: 16,
            d_model: 16,
            encoder_attention_heads: 2,
            encoder_layers: 2,
            vocab_size: 32,
            max_target_positions: 16,
            decoder_attention_heads: 2,
            decoder_layers: 2,
            suppress_tokens: Vec::new(),
        };
        let device = Device::Cpu;
        let mut model = Whisper::load(&VarBuilder::zeros(DType::F32, &device), config)?;
        let mel = Tensor::zeros((1, 8, 32), DType::F32, &device)?;
        let features = model.encoder.forward(&mel, true)?;
        let mut tokens = vec![1_u32];
        for at in 0..4 {
            let input = Tensor::new(tokens.as_slice(), &device)?.unsqueeze(0)?;
            let hidden = model.decoder.forward(&input, &features, at == 0)?;
            let last = hidden.narrow(1, tokens.len() - 1, 1)?;
            tokens.push(model.decoder.final_linear(&last)?.flatten_all()?.argmax(0)?.to_scalar()?);
        }
        Ok(())
    })
}
