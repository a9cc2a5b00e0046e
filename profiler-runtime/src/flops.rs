//! Counts the floating-point operations of common operators, for `flops = …` on an op.
//!
//! Functions take shapes as PyTorch does and name the source of their formula, so that figures are
//! comparable with those of other tools. A multiplication and an addition are two operations;
//! biases, masks and activations are not counted, as in PyTorch. Nothing here panics or overflows:
//! mismatched shapes, whose op fails anyway, have 0 operations, and a count that exceeds 64 bits
//! becomes `u64::MAX`.
//!
//! ```
//! use profiler_runtime::{flops, profiled_op};
//!
//! struct Tensor { dims: Vec<usize> }
//!
//! #[profiled_op("linear", flops = flops::linear(&x.dims, &weight.dims))]
//! fn linear(x: &Tensor, weight: &Tensor) { /* … */ }
//!
//! assert_eq!(flops::linear(&[16, 5120], &[13824, 5120]), 2 * 16 * 5120 * 13824);
//! ```
//!
//! Cost: a few multiplications.

/// Returns the operations of `input · weightᵀ`, of `[…, in]` and `[out, in]`:
/// `2 · rows · in · out`.
///
/// Source: `addmm_flop` in PyTorch's `torch/utils/flop_counter.py`, which counts no bias.
#[must_use]
pub fn linear(input: &[usize], weight: &[usize]) -> u64 {
    let ([rows @ .., inner], [out, weight_inner]) = (input, weight) else { return 0 };
    if inner == weight_inner { product([2, *inner, *out].iter().chain(rows)) } else { 0 }
}

/// Returns the operations of `a · b` with `a` of `[…, m, k]` and `b` of `[…, k, n]`:
/// `2 · batch · m · k · n`. Batches are broadcast: a side without a batch, or with a batch of 1, is
/// used for every matrix of the other.
///
/// Source: `mm_flop` and `bmm_flop` in PyTorch's `torch/utils/flop_counter.py`.
#[must_use]
pub fn matmul(a: &[usize], b: &[usize]) -> u64 {
    let ([batch_a @ .., m, k], [batch_b @ .., inner, n]) = (a, b) else { return 0 };
    match (k == inner, broadcast(batch_a, batch_b)) {
        (true, Some(batch)) => product([2, *m, *k, *n].iter().chain(&batch)),
        _ => 0,
    }
}

/// Returns the operations of attention with queries of `[…, s, d]`, keys of `[…, t, d]` and values
/// of `[…, t, v]`: `2 · batch · s · t · (d + v)`. A causal mask does not halve the count, and heads
/// that share keys and values count in full.
///
/// Source: `sdpa_flop_count` in PyTorch's `torch/utils/flop_counter.py`, two batched matrix
/// products.
#[must_use]
pub fn attention(query: &[usize], key: &[usize], value: &[usize]) -> u64 {
    let ([batch @ .., s, d], [.., t, key_d], [.., value_t, v]) = (query, key, value) else { return 0 };
    if d != key_d || t != value_t {
        return 0;
    }
    product([2, *s, *t, d.saturating_add(*v)].iter().chain(batch))
}

/// Returns the operations of a convolution, given its output shape, for any number of dimensions
/// and any stride, padding, dilation and groups. An output of `[n, out, …]` and a weight of `[out,
/// in / groups, …]` need `2 · n · out · (in / groups) · kernel · positions`.
///
/// Source: `conv_flop_count` in PyTorch's `torch/utils/flop_counter.py`.
#[must_use]
pub fn conv(output: &[usize], weight: &[usize]) -> u64 {
    let ([_, channels, positions @ ..], [out, _, kernel @ ..]) = (output, weight) else { return 0 };
    if channels != out || positions.len() != kernel.len() {
        return 0;
    }
    product([2].iter().chain(output).chain(&weight[1..]))
}

/// Returns the operations of a transposed convolution. An input of `[n, in, …]` and a weight of
/// `[in, out / groups, …]` need `2 · n · in · (out / groups) · kernel · positions of the input`.
///
/// Source: `conv_flop_count` with `transposed` in PyTorch's `torch/utils/flop_counter.py`.
#[must_use]
pub fn conv_transpose(input: &[usize], weight: &[usize]) -> u64 {
    conv(input, weight)
}

/// Returns the operations of [`conv`] for an input of `[n, in, length]`.
#[must_use]
pub fn conv1d(input: &[usize], weight: &[usize], stride: usize, padding: usize) -> u64 {
    conv_of_input(input, weight, [stride], [padding])
}

/// Returns the operations of [`conv`] for an input of `[n, in, height, width]`.
#[must_use]
pub fn conv2d(input: &[usize], weight: &[usize], stride: [usize; 2], padding: [usize; 2]) -> u64 {
    conv_of_input(input, weight, stride, padding)
}

/// Returns the operations of [`conv`] for an input of `[n, in, depth, height, width]`. For a causal
/// convolution, padded on one side, pass the padded input and a padding of 0.
#[must_use]
pub fn conv3d(input: &[usize], weight: &[usize], stride: [usize; 3], padding: [usize; 3]) -> u64 {
    conv_of_input(input, weight, stride, padding)
}

/// Returns the operations of layer, group or batch norm: five per element, or four without a learnt
/// scale and shift.
///
/// Source: `norm_flop_counter` in fvcore's `fvcore/nn/jit_handles.py`; PyTorch counts none.
#[must_use]
pub fn layer_norm(input: &[usize], is_affine: bool) -> u64 {
    product([if is_affine { 5 } else { 4 }].iter().chain(input))
}

/// Returns the operations of RMS norm: square, sum, scale, and the learnt weight's multiplication:
/// four per element.
///
/// Source: counted from its definition (Zhang and Sennrich, 2019), like [`layer_norm`] without the
/// mean; PyTorch counts none.
#[must_use]
pub fn rms_norm(input: &[usize]) -> u64 {
    product([4].iter().chain(input))
}

/// Returns `each` operations for every element of `output`, such as 1 for an addition or a
/// multiplication.
///
/// Source: PyTorch's profiler counts additions and multiplications in this way (`computeFlops` in
/// `torch/csrc/profiler/util.cpp`).
#[must_use]
pub fn elementwise(output: &[usize], each: usize) -> u64 {
    product([each].iter().chain(output))
}

fn conv_of_input<const N: usize>(input: &[usize], weight: &[usize], stride: [usize; N], padding: [usize; N]) -> u64 {
    let ([batch, _, positions @ ..], [out, _, kernel @ ..]) = (input, weight) else { return 0 };
    if positions.len() != N || kernel.len() != N {
        return 0;
    }
    let mut output = vec![*batch, *out];
    for at in 0..N {
        let padded = positions[at].saturating_add(padding[at].saturating_mul(2));
        let steps = padded.checked_sub(kernel[at]).map_or(0, |room| room / stride[at].max(1) + 1);
        output.push(steps);
    }
    conv(&output, weight)
}

/// Broadcasts two batches, aligned at their ends; returns `None` if they do not fit.
fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let (long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    let missing = long.len() - short.len();
    let pairs = long.iter().enumerate().map(|(at, &dim)| (dim, at.checked_sub(missing).map_or(1, |at| short[at])));
    pairs.map(|(one, other)| (one == other || one == 1 || other == 1).then(|| one.max(other))).collect()
}

fn product<'a>(factors: impl Iterator<Item = &'a usize>) -> u64 {
    let product = factors.fold(1_u128, |product, &factor| product.saturating_mul(factor as u128));
    u64::try_from(product).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers that PyTorch 2's `FlopCounterMode` reports for the same shapes.
    #[test]
    fn the_numbers_are_those_of_pytorch() {
        assert_eq!(linear(&[2, 3, 8], &[16, 8]), 2 * 2 * 3 * 8 * 16);
        assert_eq!(matmul(&[10, 20], &[20, 30]), 12_000);
        assert_eq!(matmul(&[7, 10, 20], &[7, 20, 30]), 84_000);
        assert_eq!(attention(&[1, 4, 128, 64], &[1, 4, 256, 64], &[1, 4, 256, 64]), 2 * 4 * 128 * 256 * 128);
        // conv2d(3 -> 64, kernel 7, stride 2, padding 3) of an ImageNet picture: ResNet's first
        // layer.
        assert_eq!(conv2d(&[1, 3, 224, 224], &[64, 3, 7, 7], [2, 2], [3, 3]), 236_027_904);
        assert_eq!(conv(&[1, 64, 112, 112], &[64, 3, 7, 7]), 236_027_904);
        assert_eq!(conv1d(&[2, 4, 10], &[8, 4, 3], 1, 1), 2 * 2 * 8 * 4 * 3 * 10);
        assert_eq!(conv3d(&[1, 4, 6, 8, 8], &[4, 1, 3, 3, 3], [1; 3], [0; 3]), 2 * 4 * 27 * 4 * 6 * 6, "four groups");
        assert_eq!(conv_transpose(&[1, 8, 5, 5], &[8, 4, 2, 2]), 2 * 8 * 4 * 4 * 25);
    }

    #[test]
    fn batches_broadcast_as_in_pytorch() {
        assert_eq!(matmul(&[5, 1, 2, 3], &[4, 3, 6]), 5 * 4 * 72);
        assert_eq!(matmul(&[2, 3], &[9, 3, 6]), 9 * 72);
        assert_eq!(matmul(&[2, 2, 3], &[3, 3, 6]), 0);
    }

    #[test]
    fn mismatched_shapes_have_no_operations_and_nothing_overflows() {
        assert_eq!((linear(&[2, 3], &[4, 5]), linear(&[], &[4, 5]), matmul(&[3], &[3, 4])), (0, 0, 0));
        assert_eq!(conv2d(&[1, 3, 2, 2], &[8, 3, 5, 5], [1, 1], [0, 0]), 0, "the kernel is larger than the input");
        assert_eq!(conv2d(&[1, 3, 8, 8], &[8, 3, 3, 3], [0, 0], [0, 0]), 2 * 8 * 27 * 36, "a stride of 0 is none");
        assert_eq!(elementwise(&[usize::MAX, usize::MAX, usize::MAX], 2), u64::MAX);
        assert_eq!(layer_norm(&[2, 10], true) - layer_norm(&[2, 10], false), 20);
        assert_eq!(rms_norm(&[]), 4, "a scalar is one element");
    }
}
