//! Functions of every kind, compiled with their attributes and, with `--cfg plain`, without:
//! `tests/same_code.rs` compares the machine code of the two.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;

#[cfg_attr(plain, expect(unused_imports, reason = "there is nothing to annotate"))]
use profiler_runtime::{profiled_op, profiled_stage, profiled_step};

/// Two matrices, row by row.
pub struct Linear {
    /// Rows of the weight.
    pub weight: Vec<f32>,
    /// Length of a row.
    pub width: usize,
}

impl Linear {
    /// A method with a description.
    #[cfg_attr(not(plain), profiled_op("linear", shapes(x, self.weight), flops = 2 * x.len() * self.weight.len()))]
    #[inline(never)]
    pub fn forward(&self, x: &[f32]) -> Vec<f32> {
        self.weight.chunks(self.width).map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum()).collect()
    }

    /// A method that returns what it borrows.
    #[cfg_attr(not(plain), profiled_stage)]
    #[inline(never)]
    pub fn row(&mut self, row: usize) -> Option<&mut [f32]> {
        self.weight.chunks_mut(self.width).nth(row)
    }
}

/// A step with an early return.
#[cfg_attr(not(plain), profiled_step("denoise_step", index = step))]
#[inline(never)]
pub fn denoise(step: usize, latents: &mut [f32]) -> Result<f32, String> {
    if step > 1000 {
        return Err(format!("no step {step}"));
    }
    let scale = latents.first().copied().ok_or("no latents")?;
    latents.iter_mut().for_each(|latent| *latent *= 0.5);
    Ok(scale)
}

/// A function that knows its caller.
#[cfg_attr(not(plain), profiled_stage("checked"))]
#[track_caller]
#[inline(never)]
pub fn checked(n: u32) -> &'static Location<'static> {
    assert!(n < 10, "too large");
    Location::caller()
}

/// A function that does not return.
#[cfg_attr(not(plain), profiled_stage)]
#[inline(never)]
pub fn fails(n: u32) -> ! {
    panic!("stopped at {n}")
}

/// A generic function, and a use of it, which makes its code.
#[cfg_attr(not(plain), profiled_stage)]
#[inline(never)]
pub fn sum<T: Copy + Into<f64>, const N: usize>(items: [T; N]) -> f64 {
    items.iter().map(|item| (*item).into()).sum()
}

/// Uses [`sum`].
#[inline(never)]
pub fn sums(n: u8) -> f64 {
    sum([n, 1]) + sum([f32::from(n); 3])
}

/// An `async fn`.
#[cfg_attr(not(plain), profiled_stage("text_encoder", args(characters = text.len())))]
pub async fn encode(text: &str) -> Result<usize, Box<dyn std::error::Error>> {
    let number: usize = text.parse()?;
    Ok(later(number).await)
}

/// A boxed future; it makes the code of [`encode`].
#[cfg_attr(not(plain), profiled_op("boxed", shapes(text.as_bytes())))]
#[inline(never)]
pub fn boxed(text: &str) -> Pin<Box<dyn Future<Output = bool> + '_>> {
    Box::pin(async move { encode(text).await.is_ok() })
}

/// An opaque future.
#[expect(clippy::manual_async_fn, reason = "this is about the other form")]
#[cfg_attr(not(plain), profiled_op(flops = n))]
pub fn later(n: usize) -> impl Future<Output = usize> {
    async move { n + 1 }
}
