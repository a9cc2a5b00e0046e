//! `async fn`: arguments, borrows, `?`, early `return`, coercions to trait objects.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::error::Error;
use std::fmt::Display;

use profiler_runtime::{profiled_op, profiled_stage, profiled_step};

struct Model {
    weight: Vec<u32>,
    calls: u32,
}

impl Model {
    #[profiled_op("linear", shapes(x, self.weight), flops = x.len() * self.weight.len())]
    async fn linear(&self, x: &[u32]) -> u32 {
        std::future::ready(()).await;
        x.iter().zip(&self.weight).map(|(x, w)| x * w).sum()
    }

    #[profiled_step(index = self.calls)]
    async fn count(&mut self) -> &mut u32 {
        self.calls += 1;
        &mut self.calls
    }
}

#[profiled_stage]
async fn nothing() {}

#[profiled_stage]
async fn dyn_error(fail: bool) -> Result<u32, Box<dyn Error + Send + Sync>> {
    if fail {
        return Err("failed".into());
    }
    let number: u32 = "7".parse()?;
    Ok(number)
}

#[profiled_stage]
async fn coerced(number: bool) -> Box<dyn Display> {
    if number {
        return Box::new(1);
    }
    Box::new("text")
}

#[profiled_stage]
async fn coerced_from_if(number: bool) -> Box<dyn Display> {
    if number { Box::new(1) } else { Box::new("text") }
}

#[profiled_stage]
async fn function_pointer() -> fn(u32) -> u32 {
    |n| n + 1
}

#[profiled_stage]
async fn reference(items: &[u32; 2]) -> &[u32] {
    items
}

#[profiled_stage]
async fn two_lifetimes<'a>(a: &'a str, _b: &str) -> &'a str {
    nothing().await;
    a
}

#[profiled_stage]
async fn generic<T: Clone, const N: usize>(item: &T) -> [T; N]
where
    [T; N]: Sized,
{
    std::array::from_fn(|_| item.clone())
}

fn main() {
    futures::executor::block_on(async {
        let mut model = Model { weight: vec![2, 3], calls: 0 };
        nothing().await;
        assert_eq!(model.linear(&[1, 2]).await, 8);
        *model.count().await += 1;
        assert_eq!(model.calls, 2);
        assert!(dyn_error(true).await.is_err());
        assert_eq!(dyn_error(false).await.unwrap(), 7);
        assert_eq!(coerced(true).await.to_string(), "1");
        assert_eq!(coerced_from_if(false).await.to_string(), "text");
        assert_eq!(function_pointer().await(1), 2);
        assert_eq!(reference(&[1, 2]).await, [1, 2]);
        assert_eq!(two_lifetimes("a", "b").await, "a");
        assert_eq!(generic::<_, 2>(&1).await, [1, 1]);
    });
}
