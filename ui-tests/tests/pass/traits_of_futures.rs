//! F4: an instrumented future has the traits of the future that it wraps.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::fmt::Debug;
use std::future::{Future, ready};
use std::panic::{RefUnwindSafe, UnwindSafe, catch_unwind};
use std::rc::Rc;

use futures::executor::block_on;
use futures::future::{FusedFuture, FutureExt, pending};
use profiler_runtime::{profiled_op, profiled_stage};

#[profiled_stage]
fn cloned(n: u32) -> impl Future<Output = u32> + Clone + Debug {
    ready(n)
}

#[profiled_op(shapes(n))]
fn fused(n: u32) -> impl Future<Output = u32> + FusedFuture + Unpin {
    ready(n).fuse()
}

#[profiled_stage]
fn safe(n: u32) -> impl Future<Output = u32> + UnwindSafe + RefUnwindSafe + Send + Sync + 'static {
    ready(n)
}

#[profiled_stage]
fn alone() -> impl Future<Output = u32> {
    let n = Rc::new(1);
    async move { *n }
}

#[profiled_stage]
async fn later(n: u32) -> u32 {
    ready(()).await;
    n
}

#[profiled_stage]
async fn fails() {
    panic!("on purpose");
}

trait Named: Future {
    fn name(&self) -> &'static str {
        "any future"
    }
}

impl<F: Future> Named for F {}

#[profiled_stage]
fn named(n: u32) -> impl Named<Output = u32> + Future<Output = u32> {
    ready(n)
}

fn is_safe<T: UnwindSafe + RefUnwindSafe + Send + Sync>(value: T) -> T {
    value
}

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    let future = cloned(1);
    assert_eq!(format!("{future:?}"), format!("{:?}", ready(1)));
    assert_eq!(block_on(future.clone()) + block_on(future), 2);
    let mut future = fused(2);
    assert!(!future.is_terminated());
    assert_eq!(block_on(&mut future), 2);
    assert!(future.is_terminated());
    assert_eq!(block_on(is_safe(safe(3))), 3);
    assert_eq!(block_on(alone()), 1);
    let future = is_safe(later(4));
    assert_eq!(catch_unwind(|| block_on(future)).unwrap(), 4);
    assert!(catch_unwind(|| block_on(fails())).is_err());
    assert_eq!(named(5).name(), "any future");
    drop(pending::<()>());
}
