//! F3: the attribute causes no lint that the plain function does not have: one-line bodies, and
//! variables written before a return.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::future::{Future, ready};
use std::panic::Location;
use std::pin::Pin;

use profiler_runtime::{profiled_op, profiled_stage};

#[profiled_stage]
fn plain(n: u32) -> u32 { n + 1 }

#[profiled_stage]
async fn later() -> u32 { 1 }

#[profiled_stage]
async fn later_with(n: u32) -> u32 { n }

#[profiled_stage]
async fn later_of_a_future() -> Pin<Box<dyn Future<Output = u32>>> { Box::pin(ready(1)) }

#[profiled_stage]
fn opaque() -> impl Iterator<Item = u32> { [1].into_iter() }

#[profiled_stage]
fn opaque_future() -> impl Future<Output = u32> { ready(1) }

#[profiled_stage]
fn boxed() -> Pin<Box<dyn Future<Output = u32>>> { Box::pin(async { 1 }) }

#[profiled_stage]
fn never() -> ! { std::process::exit(0) }

#[profiled_stage]
#[track_caller]
fn caller() -> &'static Location<'static> { Location::caller() }

#[profiled_stage]
fn pattern(_: u32, (n, _): (u32, u32)) -> u32 { n }

#[profiled_op(shapes(n))]
fn told(n: u32) -> u32 { n }

trait Decoder {
    #[profiled_stage]
    fn decode(&self) -> impl Iterator<Item = u32> { [1].into_iter() }
    #[profiled_stage]
    fn default(&self) -> u32 { 1 }
}

impl Decoder for u32 {}

#[async_trait::async_trait]
trait Encoder {
    #[profiled_stage]
    async fn encode(&self, n: u32) -> u32 { n }
}

#[async_trait::async_trait]
impl Encoder for u32 {
    #[profiled_stage]
    async fn encode(&self, n: u32) -> u32 { n + 1 }
}

#[profiled_stage]
fn written_before_a_return(mut n: u32) -> u32 {
    let first = n;
    n += 1;
    if first > 3 {
        return n;
    }
    n = 2;
    n
}

#[profiled_stage]
fn replaced(mut text: String) -> usize {
    let length = text.len();
    text = "new".to_owned();
    length + text.len()
}

#[profiled_stage]
async fn replaced_later(mut text: String) -> usize {
    let length = text.len();
    text = "new".to_owned();
    length + text.len()
}

struct Sum(u32);

impl Sum {
    #[profiled_stage]
    fn add(mut self, n: u32) -> Self {
        self.0 += n;
        self
    }
}

fn main() {
    use futures::executor::block_on;
    assert_eq!(plain(1) + opaque().sum::<u32>() + pattern(0, (1, 2)) + told(1), 5);
    assert_eq!(block_on(later()) + block_on(later_with(1)) + block_on(opaque_future()) + block_on(boxed()), 4);
    assert_eq!(block_on(async { later_of_a_future().await.await }), 1);
    assert_eq!(caller().line(), line!());
    assert_eq!(1.decode().sum::<u32>() + 1.default(), 2);
    assert_eq!(block_on(1.encode(1)), 2);
    assert_eq!(written_before_a_return(1) + Sum(1).add(1).0, 4);
    assert_eq!(replaced("a".to_owned()) + block_on(replaced_later("a".to_owned())), 8);
    never();
}
