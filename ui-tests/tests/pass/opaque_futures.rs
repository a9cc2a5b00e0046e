//! `fn -> impl Future`: the call runs the body, and the range is the life of the future.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::future::{Future, ready};

use futures::executor::block_on;
use profiler_runtime::{profiled_op, profiled_stage};
use profiler_ui_tests::notebook;

#[profiled_stage(crate = notebook)]
fn plain(n: u32) -> impl Future<Output = u32> {
    async move { n + 1 }
}

#[profiled_stage("early", crate = notebook)]
fn with_return(counter: &mut u32) -> impl Future<Output = u32> + '_ {
    *counter += 1;
    if *counter > 5 {
        return add(counter);
    }
    *counter += 10;
    add(counter)
}

async fn add(to: &mut u32) -> u32 {
    *to += 1;
    *to
}

#[profiled_op("told", shapes(x), flops = x.len(), crate = notebook)]
fn told(x: &str) -> impl Future<Output = usize> + Send + use<> {
    ready(x.len())
}

#[profiled_stage]
fn one_expression() -> impl Future<Output = u32> {
    ready(1)
}

fn main() {
    let future = plain(1);
    assert!(notebook::lines().is_empty(), "making a future begins no range");
    assert_eq!(block_on(future), 2);
    assert_eq!(notebook::lines(), ["first poll of Stage plain", "plain is ready"]);

    let mut counter = 0;
    assert_eq!(block_on(with_return(&mut counter)), 12);
    assert_eq!(block_on(with_return(&mut counter)), 14);
    assert_eq!(
        notebook::lines(),
        ["first poll of Stage early", "early is ready", "first poll of Stage early", "early is ready"]
    );

    drop(plain(1));
    assert!(notebook::lines().is_empty(), "a future that is never polled has no range");

    assert_eq!(block_on(told(&String::from("ab"))), 2);
    assert_eq!(
        notebook::lines(),
        ["shape \"ab\" of told", "flops 2 of told", "first poll of Op told", "told is ready"]
    );
    assert_eq!(block_on(one_expression()), 1);
}
