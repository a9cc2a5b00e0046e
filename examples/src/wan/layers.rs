//! The operators of which the model is built.
//!
//! Each is a thin wrapper of a candle function with its weights, annotated with one
//! `#[profiled_op]`. Norms keep their weights and compute in f32 whatever the model's dtype, as the
//! reference does.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;
use profiler_runtime::{flops, profiled_op};

/// A matrix product with an optional bias: `[…, inputs]` to `[…, outputs]`.
pub(crate) struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    pub(crate) fn load(vb: &VarBuilder<'_>, inputs: usize, outputs: usize) -> Result<Self> {
        let bias = Some(vb.get(outputs, "bias")?);
        Ok(Self { bias, ..Self::load_without_bias(vb, inputs, outputs)? })
    }

    pub(crate) fn load_without_bias(vb: &VarBuilder<'_>, inputs: usize, outputs: usize) -> Result<Self> {
        Ok(Self { weight: vb.get((outputs, inputs), "weight")?, bias: None })
    }

    #[profiled_op("linear", shapes(x, self.weight, self.bias), flops = flops::linear(x.dims(), self.weight.dims()))]
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (outputs, inputs) = self.weight.dims2()?;
        let mut shape = x.dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = outputs;
        }
        let y = x.reshape(((), inputs))?.matmul(&self.weight.t()?)?;
        let y = match &self.bias {
            Some(bias) => y.broadcast_add(bias)?,
            None => y,
        };
        y.reshape(shape)
    }
}

/// A table of vectors looked up by index.
pub(crate) struct Embedding {
    weight: Tensor,
}

impl Embedding {
    pub(crate) fn load(vb: &VarBuilder<'_>, rows: usize, width: usize) -> Result<Self> {
        Ok(Self { weight: vb.get((rows, width), "weight")? })
    }

    /// Maps `ids` of any shape `[…]` to `[…, width]`.
    #[profiled_op("embedding", shapes(self.weight, ids))]
    pub(crate) fn forward(&self, ids: &Tensor) -> Result<Tensor> {
        let mut shape = ids.dims().to_vec();
        shape.push(self.weight.dim(1)?);
        self.weight.index_select(&ids.flatten_all()?, 0)?.reshape(shape)
    }
}

/// Root-mean-square normalisation over the last dimension.
pub(crate) struct RmsNorm {
    weight: Tensor,
    eps: f64,
}

impl RmsNorm {
    pub(crate) fn load(vb: &VarBuilder<'_>, width: usize, eps: f64) -> Result<Self> {
        Ok(Self { weight: vb.to_dtype(DType::F32).get(width, "weight")?, eps })
    }

    /// Normalises `x` and keeps its dtype.
    #[profiled_op("rms_norm", shapes(x, self.weight), flops = flops::rms_norm(x.dims()))]
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let exact = x.to_dtype(DType::F32)?.contiguous()?;
        candle_nn::ops::rms_norm(&exact, &self.weight, self.eps as f32)?.to_dtype(x.dtype())
    }
}

/// Layer normalisation over the last dimension.
pub(crate) struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl LayerNorm {
    pub(crate) fn load(vb: &VarBuilder<'_>, width: usize, eps: f64) -> Result<Self> {
        let vb = vb.to_dtype(DType::F32);
        Ok(Self { weight: vb.get(width, "weight")?, bias: vb.get(width, "bias")?, eps })
    }

    /// Creates a layer without learned weights, which only centres and scales.
    pub(crate) fn plain(width: usize, eps: f64, device: &Device) -> Result<Self> {
        let weight = Tensor::ones(width, DType::F32, device)?;
        Ok(Self { bias: weight.zeros_like()?, weight, eps })
    }

    /// Normalises `x`. The result is f32, as is the modulation that follows.
    #[profiled_op("layer_norm", shapes(x, self.weight, self.bias), flops = flops::layer_norm(x.dims(), true))]
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let exact = x.to_dtype(DType::F32)?.contiguous()?;
        candle_nn::ops::layer_norm(&exact, &self.weight, &self.bias, self.eps as f32)
    }
}

/// A convolution within each frame: `[frames, in, h, w]` to `[frames, out, h', w']`.
pub(crate) struct Conv2d {
    weight: Tensor,
    bias: Tensor,
    padding: usize,
    stride: usize,
}

impl Conv2d {
    /// Creates a layer from a `weight` of `[out, in, h, w]` and a `bias` of `[out]`.
    pub(crate) fn new(weight: Tensor, bias: Tensor, padding: usize, stride: usize) -> Result<Self> {
        Ok(Self { weight, bias: bias.reshape((1, (), 1, 1))?, padding, stride })
    }

    pub(crate) fn load(
        vb: &VarBuilder<'_>,
        (inputs, outputs): (usize, usize),
        kernel: usize,
        padding: usize,
        stride: usize,
    ) -> Result<Self> {
        let weight = vb.get((outputs, inputs, kernel, kernel), "weight")?;
        Self::new(weight, vb.get(outputs, "bias")?, padding, stride)
    }

    #[profiled_op("conv2d", shapes(x, self.weight, self.bias), flops = self.flops(x))]
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.conv2d(&self.weight, self.padding, self.stride, 1, 1)?.broadcast_add(&self.bias)
    }

    fn flops(&self, x: &Tensor) -> u64 {
        flops::conv2d(x.dims(), self.weight.dims(), [self.stride; 2], [self.padding; 2])
    }
}
