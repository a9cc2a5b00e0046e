//! Functions that return a boxed future, by any of its names: the range is the life of the future.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::error::Error;
use std::future::{Future, ready};
use std::pin::Pin;

use futures::executor::block_on;
use futures::future::{BoxFuture, FutureExt, LocalBoxFuture};
use profiler_runtime::{profiled_op, profiled_stage};
use profiler_ui_tests::notebook;

type Fallible = Result<usize, Box<dyn Error + Send + Sync>>;

#[profiled_stage("literal", crate = notebook)]
fn literal(text: &str) -> Pin<Box<dyn Future<Output = Fallible> + Send + '_>> {
    let trimmed = text.trim();
    Box::pin(async move {
        if trimmed.is_empty() {
            return Err("empty".into());
        }
        Ok(trimmed.len())
    })
}

#[profiled_op("told", shapes(text), flops = text.len(), crate = notebook)]
fn told(text: String) -> BoxFuture<'static, usize> {
    Box::pin(async move { text.len() })
}

#[profiled_stage("value", crate = notebook)]
fn value(n: u32) -> BoxFuture<'static, u32> {
    ready(n).boxed()
}

#[profiled_stage("early", crate = notebook)]
fn early(n: &u32) -> LocalBoxFuture<'_, u32> {
    if *n == 0 {
        return Box::pin(ready(0));
    }
    Box::pin(async { *n + 1 })
}

#[profiled_stage]
fn either(first: bool) -> std::pin::Pin<std::boxed::Box<dyn std::future::Future<Output = u32>>> {
    if first { Box::pin(ready(1)) } else { Box::pin(async { 2 }) }
}

#[profiled_stage]
fn opaque(n: u32) -> Pin<Box<impl Future<Output = u32>>> {
    Box::pin(ready(n))
}

struct Model(u32);

impl Model {
    #[profiled_op(shapes(self.0, x))]
    fn forward<'a>(&'a self, x: &'a u32) -> BoxFuture<'a, u32> {
        async move { self.0 + x }.boxed()
    }
}

fn main() {
    let future = literal(" ab ");
    assert!(notebook::lines().is_empty());
    assert_eq!(block_on(future).unwrap(), 2);
    assert!(block_on(literal("")).is_err());
    assert_eq!(notebook::lines()[..2], ["first poll of Stage literal", "literal is ready"]);

    let future = told("ab".to_owned());
    assert!(notebook::lines().is_empty(), "a boxed block is described when it is first polled");
    assert_eq!(std::thread::spawn(|| (block_on(future), notebook::lines().len())).join().unwrap(), (2, 4));

    assert_eq!(block_on(value(3)), 3);
    assert_eq!(block_on(early(&0)), 0);
    assert_eq!(block_on(early(&1)), 2);
    assert_eq!(notebook::lines().iter().filter(|line| line.ends_with("is ready")).count(), 3);

    assert_eq!(block_on(either(true)) + block_on(either(false)) + block_on(opaque(3)), 6);
    assert_eq!(block_on(Model(1).forward(&2)), 3);
}
