//! Weights without files: every value is a function of its tensor's name and index.
//!
//! A counter-based generator (splitmix64 over an FNV-1a seed, 24 bits per draw) yields the same f32
//! bits in any language and on any machine. So the inputs of a run with these weights are
//! reproducible to the last bit, and need no download.

use candle_core::{DType, Device, Result, Shape, Tensor};
use candle_nn::Init;
use candle_nn::var_builder::SimpleBackend;

/// Random numbers in `[-1, 1)` that depend only on the stream's name.
struct Stream {
    state: u64,
}

impl Stream {
    fn named(name: &str) -> Self {
        let fnv1a = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
        Self { state: name.bytes().fold(0xCBF2_9CE4_8422_2325, fnv1a) }
    }
}

impl Iterator for Stream {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = self.state;
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let bits = (z ^ (z >> 31)) >> 40;
        // 24 bits fit f32's significand, so both conversions are exact.
        Some((bits as f32 - 8_388_608.0) / 8_388_608.0)
    }
}

/// Draws `count` approximately normal numbers: half the sum of twelve uniform ones, exact in f64.
pub(crate) fn normal(name: &str, count: usize) -> Vec<f32> {
    let mut uniform = Stream::named(name);
    let mut draw = || uniform.by_ref().take(12).map(f64::from).sum::<f64>() * 0.5;
    (0..count).map(|_| draw() as f32).collect()
}

/// A [`SimpleBackend`] that computes the tensors of one component instead of reading them.
pub(crate) struct FormulaWeights {
    component: &'static str,
}

impl FormulaWeights {
    pub(crate) fn new(component: &'static str) -> Self {
        Self { component }
    }
}

/// Returns scale and offset of a tensor's values: norms near one, small biases, and unit gain for
/// matrices.
fn scale_and_offset(name: &str, dims: &[usize]) -> (f64, f32) {
    let leaf = name.rsplit('.').next().unwrap_or(name);
    match leaf {
        "gamma" => (0.1, 1.0),
        "weight" if dims.len() == 1 => (0.1, 1.0),
        "bias" => (0.05, 0.0),
        "scale_shift_table" => (1.0 / (dims.last().copied().unwrap_or(1) as f64).sqrt(), 0.0),
        _ if name.ends_with("relative_attention_bias.weight") => (0.5, 0.0),
        _ if name.ends_with("shared.weight") => (1.0, 0.0),
        _ => ((3.0 / dims.iter().skip(1).product::<usize>() as f64).sqrt(), 0.0),
    }
}

impl SimpleBackend for FormulaWeights {
    fn get(&self, shape: Shape, name: &str, _: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        let (scale, offset) = scale_and_offset(name, shape.dims());
        let stream = Stream::named(&format!("{}/{name}", self.component));
        let values: Vec<f32> = stream.take(shape.elem_count()).map(|u| u * scale as f32 + offset).collect();
        Tensor::from_vec(values, shape, device)?.to_dtype(dtype)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        candle_core::bail!("`{name}` needs a shape: formula weights exist in any")
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}
