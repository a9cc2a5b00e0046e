//! Scaled dot-product attention, shared by the text encoder, the transformer and the VAE.

use candle_core::{DType, Result, Tensor};
use profiler_runtime::{flops, profiled_op};

/// Maximum number of scores at a time (1 GiB in f32). A real 480p video has 43 billion.
const MAX_SCORES: usize = 1 << 28;

/// Computes `softmax(scale · q·kᵀ + bias) · v` over `[batch, heads, tokens, width]`.
///
/// `bias` is `[1, heads, queries, keys]`. The queries are processed in groups, so that memory is
/// bounded; the result does not depend on the grouping.
#[profiled_op("attention", shapes(q, k, v, bias), flops = flops::attention(q.dims(), k.dims(), v.dims()))]
pub(crate) fn attention(q: &Tensor, k: &Tensor, v: &Tensor, bias: Option<&Tensor>, scale: f64) -> Result<Tensor> {
    let (batch, heads, queries, _) = q.dims4()?;
    let keys = k.dim(2)?;
    let (keys_across, v) = (k.t()?.contiguous()?, v.contiguous()?);
    let group = (MAX_SCORES / (batch * heads * keys).max(1)).max(1);
    let mut parts = Vec::with_capacity(queries.div_ceil(group));
    for first in (0..queries).step_by(group) {
        let rows = group.min(queries - first);
        let q = q.narrow(2, first, rows)?.contiguous()?;
        let mut scores = q.matmul(&keys_across)?.affine(scale, 0.0)?.to_dtype(DType::F32)?;
        if let Some(bias) = bias {
            scores = scores.broadcast_add(&bias.narrow(2, first, rows)?)?;
        }
        let weights = candle_nn::ops::softmax_last_dim(&scores)?.to_dtype(v.dtype())?;
        parts.push(weights.matmul(&v)?);
    }
    Tensor::cat(&parts, 2)
}
