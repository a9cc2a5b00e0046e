//! `Shaped` for candle's tensors.

use candle_core::{DType, Tensor};
use profiler_core::shape::{Dtype, ShapeWriter, Shaped};

/// Origin of the shapes of candle's tensors.
#[derive(Debug)]
pub enum Candle {}

impl Shaped<Candle> for Tensor {
    fn write_shape(&self, out: &mut ShapeWriter) {
        let dtype = match self.dtype() {
            DType::F32 => Dtype::F32,
            DType::F64 => Dtype::F64,
            DType::F16 => Dtype::F16,
            DType::BF16 => Dtype::Bf16,
            DType::I64 => Dtype::I64,
            DType::I32 => Dtype::I32,
            DType::I16 => Dtype::I16,
            DType::U32 => Dtype::U32,
            DType::U8 => Dtype::U8,
            DType::F8E4M3 => Dtype::F8E4M3,
            _ => Dtype::Unknown,
        };
        // CAST: strides are far below 2^63.
        out.strided(dtype, self.dims(), self.stride().iter().map(|&stride| stride as isize));
    }
}
