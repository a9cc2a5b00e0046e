//! Functions that call themselves, also through futures.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::future::Future;
use std::pin::Pin;

use profiler_runtime::profiled_stage;

#[profiled_stage]
fn fibonacci(n: u32) -> u32 {
    if n < 2 { n } else { fibonacci(n - 1) + fibonacci(n - 2) }
}

#[profiled_stage]
fn even(n: u32) -> bool {
    n == 0 || odd(n - 1)
}

#[profiled_stage]
fn odd(n: u32) -> bool {
    n != 0 && even(n - 1)
}

#[profiled_stage]
fn later(n: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(async move { if n == 0 { 0 } else { n + later(n - 1).await } })
}

#[profiled_stage]
async fn boxed_inside(n: u32) -> u32 {
    if n == 0 {
        return 0;
    }
    n + Box::pin(boxed_inside(n - 1)).await
}

fn main() {
    assert_eq!(fibonacci(10), 55);
    assert!(even(10) && !odd(10));
    assert_eq!(futures::executor::block_on(later(4)), 10);
    assert_eq!(futures::executor::block_on(boxed_inside(4)), 10);
}
