//! Tests that the models run with half-precision weights, as on a GPU, and give nearly the results
//! of f32.
//!
//! A CPU multiplies F16 but not BF16. The code treats them alike, so a missing cast fails with
//! either.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;

use super::config::{TextEncoderConfig, TransformerConfig};
use super::formula::{self, FormulaWeights};
use super::text_encoder::TextEncoder;
use super::transformer::Transformer;

fn weights(component: &'static str, dtype: DType) -> VarBuilder<'static> {
    VarBuilder::from_backend(Box::new(FormulaWeights::new(component)), dtype, Device::Cpu)
}

/// Returns the largest difference, relative to the largest value.
fn relative_error(exact: &Tensor, rough: &Tensor) -> f32 {
    let largest = |x: &Tensor| x.abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap();
    largest(&(exact - rough.to_dtype(DType::F32).unwrap()).unwrap()) / largest(exact)
}

#[test]
fn the_transformer_takes_and_gives_f32_whatever_its_dtype() {
    let config = TransformerConfig::tiny();
    let noise = |name: &str, shape: [usize; 4]| {
        Tensor::from_vec(formula::normal(name, shape.iter().product()), shape.to_vec(), &Device::Cpu).unwrap()
    };
    let latents = noise("latents", [2, 36, 4, 6]);
    let text = noise("text", [1, 1, 5, 32]).squeeze(0).unwrap();
    let [exact, rough] = [DType::F32, DType::F16].map(|dtype| {
        let model = Transformer::load(&config, &weights("transformer", dtype)).unwrap();
        let rotary = model.rotary(&latents).unwrap();
        model.forward(&latents, 937, &text.to_dtype(dtype).unwrap(), &rotary, &mut ()).unwrap()
    });
    assert_eq!((rough.dtype(), rough.dims()), (DType::F32, &[2, 16, 4, 6][..]));
    let error = relative_error(&exact, &rough);
    assert!(error > 0.0 && error < 0.02, "{error}");
}

#[test]
fn the_text_encoder_runs_in_half_precision() {
    let config = TextEncoderConfig::tiny();
    let [exact, rough] = [DType::F32, DType::F16].map(|dtype| {
        let model = TextEncoder::load(&config, &weights("text_encoder", dtype)).unwrap();
        model.forward(&[17, 4, 99, 230, 1], 8, &mut ()).unwrap()
    });
    assert_eq!((rough.dtype(), rough.dims()), (DType::F16, &[1, 8, 32][..]));
    let error = relative_error(&exact, &rough);
    assert!(error > 0.0 && error < 0.02, "{error}");
}
