//! The life of a future: every poll is recorded, and a drop ends the range.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::future::{Future, poll_fn};
use std::task::Poll;

use futures::executor::block_on;
use futures::task::noop_waker_ref;
use profiler_runtime::profiled_stage;
use profiler_ui_tests::notebook;

async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[profiled_stage(crate = notebook)]
async fn outer() -> u32 {
    yield_once().await;
    inner().await
}

#[profiled_stage(crate = notebook)]
async fn inner() -> u32 {
    yield_once().await;
    1
}

fn main() {
    assert_eq!(block_on(outer()), 1);
    assert_eq!(
        notebook::lines(),
        [
            "first poll of Stage outer",
            "outer is pending",
            "first poll of Stage inner",
            "inner is pending",
            "outer is pending",
            "inner is ready",
            "outer is ready",
        ]
    );

    let mut cancelled = Box::pin(outer());
    let mut context = std::task::Context::from_waker(noop_waker_ref());
    assert!(cancelled.as_mut().poll(&mut context).is_pending());
    drop(cancelled);
    assert_eq!(notebook::lines(), ["first poll of Stage outer", "outer is pending", "outer is dropped"]);
}
