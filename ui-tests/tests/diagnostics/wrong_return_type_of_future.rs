//! A future's value of the wrong type: the error is at the user's expression.

use std::future::Future;
use std::pin::Pin;

use profiler_runtime::profiled_stage;

#[profiled_stage]
async fn tail() -> u32 {
    "text"
}

#[profiled_stage]
async fn early(n: u32) -> Result<u32, String> {
    if n == 0 {
        return Err(0);
    }
    Ok(n)
}

#[profiled_stage]
async fn semicolon() -> u32 {
    5;
}

#[profiled_stage]
async fn unit() {
    5
}

#[profiled_stage]
fn opaque() -> impl Future<Output = u32> {
    async { "text" }
}

#[profiled_stage]
fn boxed() -> Pin<Box<dyn Future<Output = u32>>> {
    Box::pin(async { "text" })
}

fn main() {}
