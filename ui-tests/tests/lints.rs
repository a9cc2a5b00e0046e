//! Annotated code under the lints of clippy's `all` and `pedantic`. `cargo clippy --all-targets`
//! compiles this file, and must report nothing.

#![forbid(unsafe_code)]
#![deny(warnings, clippy::all, clippy::pedantic, rust_2018_idioms, unused_qualifications)]
#![deny(clippy::shadow_same, clippy::allow_attributes_without_reason)]

use std::error::Error;
use std::fmt::Display;
use std::future::{Future, ready};
use std::pin::Pin;

use futures::executor::block_on;
use futures::future::BoxFuture;
use profiler_runtime::{profiled_op, profiled_stage, profiled_step};

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

struct Model {
    weight: Vec<u32>,
}

impl Model {
    #[profiled_op("linear", shapes(x, self.weight), flops = 2 * x.len() * self.weight.len())]
    fn linear(&self, x: &[u32]) -> Vec<u32> {
        x.iter().zip(&self.weight).map(|(x, w)| x * w).collect()
    }

    #[profiled_op("later", shapes(x), flops = x.len() as f64 * 0.5)]
    #[allow(clippy::cast_precision_loss, reason = "the user's own cast")]
    async fn later(&self, x: &[u32]) -> usize {
        ready(()).await;
        self.linear(x).len()
    }

    #[profiled_stage]
    fn first(&self) -> Option<&u32> {
        self.weight.first()
    }

    #[profiled_stage]
    fn iter(&self) -> impl Iterator<Item = &u32> {
        self.weight.iter()
    }

    #[profiled_stage]
    fn opaque(&self) -> impl Future<Output = usize> + '_ {
        let length = self.weight.len();
        async move { length }
    }

    #[profiled_stage]
    fn boxed(&self, n: usize) -> BoxFuture<'_, usize> {
        if n == 0 {
            return Box::pin(ready(0));
        }
        Box::pin(async move { self.weight.len() + n })
    }

    #[profiled_stage]
    fn literal(&self) -> Pin<Box<dyn Future<Output = usize> + Send + '_>> {
        Box::pin(async move { self.weight.len() })
    }
}

#[profiled_step("denoise_step", index = step)]
fn denoise(step: usize, latents: &mut [f32]) {
    use std::ops::AddAssign;
    const SCALE: f32 = 0.5;
    latents[step].add_assign(SCALE);
}

#[profiled_stage]
fn unit_tail(out: &mut Vec<u32>) {
    out.push(1);
}

/// F3: clippy would suggest slices here if the body were a closure.
#[profiled_stage]
fn longer<'a>(a: &'a String, b: &'a String) -> &'a String {
    if a.len() > b.len() { a } else { b }
}

#[profiled_stage]
fn whole(values: &mut Vec<u32>) -> &mut [u32] {
    values
}

#[profiled_stage]
async fn nothing() {
    ready(()).await;
}

#[profiled_stage]
async fn fallible(text: String) -> Fallible<u32> {
    nothing().await;
    if text.is_empty() {
        return Err("empty".into());
    }
    let number = text.parse()?;
    Ok(number)
}

#[profiled_stage]
async fn future_of_a_future() -> impl Future<Output = u32> {
    nothing().await;
    ready(1)
}

#[profiled_stage]
async fn shown(number: bool) -> Box<dyn Display> {
    nothing().await;
    if number { Box::new(1) } else { Box::new("text") }
}

#[profiled_stage]
async fn serves() -> ! {
    loop {
        ready(()).await;
    }
}

#[test]
fn annotated_code_keeps_its_behavior() {
    let model = Model { weight: vec![1, 2] };
    assert_eq!(model.linear(&[1, 2]), [1, 4]);
    assert_eq!(block_on(model.later(&[1])), 1);
    assert_eq!(model.first(), Some(&1));
    assert_eq!(model.iter().count(), 2);
    assert_eq!(block_on(model.opaque()) + block_on(model.boxed(1)) + block_on(model.literal()), 7);
    let mut latents = [0.0];
    denoise(0, &mut latents);
    assert_eq!(latents.map(f32::to_bits), [0.5_f32.to_bits()]);
    let mut out = Vec::new();
    unit_tail(&mut out);
    assert_eq!(whole(&mut out), [1]);
    assert_eq!(longer(&"a".to_owned(), &"bc".to_owned()), "bc");
    assert!(block_on(fallible(String::new())).is_err());
    assert!(block_on(fallible("1".to_owned())).is_ok());
    assert_eq!(block_on(async { future_of_a_future().await.await }), 1);
    assert_eq!(block_on(shown(true)).to_string(), "1");
    drop(serves());
}
