//! Functions that return futures: with bounds of every kind, boxed, and of user-defined types.

#![allow(clippy::needless_pass_by_value, reason = "`lints` has them")]

use std::fmt::Debug;
use std::future::{Future, Ready, ready};
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::FusedFuture;
use profiler_runtime::{profiled_op, profiled_stage};

use crate::story::{Loud, complete, every_end, fail_if, once, pause};

/// A user-defined bound, which every future meets.
trait Marked {
    fn mark(&self) -> &'static str {
        "marked"
    }
}

impl<F: Future> Marked for F {}

/// Not the trait of the standard library.
mod own {
    pub(crate) trait Future {
        fn value(&self) -> u32;
    }

    impl Future for u32 {
        fn value(&self) -> u32 {
            *self
        }
    }

    pub(crate) fn like(value: u32) -> impl Future {
        value
    }

    /// A type with the name of the one in `futures`.
    #[derive(Debug, PartialEq)]
    pub(crate) struct BoxFuture<T>(pub(crate) T);
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A future of a named type.
#[derive(Clone, Debug)]
struct Countdown(u32);

impl Future for Countdown {
    type Output = &'static str;

    #[profiled_stage]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.0 == 0 {
            return Poll::Ready("done");
        }
        self.0 -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A fused future.
struct Fused(Option<u32>);

impl Future for Fused {
    type Output = u32;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u32> {
        self.0.take().map_or(Poll::Pending, Poll::Ready)
    }
}

impl FusedFuture for Fused {
    fn is_terminated(&self) -> bool {
        self.0.is_none()
    }
}

#[profiled_stage]
fn opaque(a: Loud, _: Loud, b: Loud, fails: bool) -> impl Future<Output = usize> {
    a.touch();
    async move {
        pause().await;
        fail_if(fails);
        b.touch()
    }
}

#[profiled_stage]
fn opaque_early(a: Loud, b: Loud, early: bool) -> impl Future<Output = usize> {
    if early {
        return ready(a.touch());
    }
    ready(b.touch())
}

#[profiled_stage]
fn cloned(n: u32) -> impl Future<Output = u32> + Clone + Debug {
    ready(n)
}

#[profiled_stage]
fn unpinned(n: u32) -> impl Future<Output = u32> + Unpin + Send + Sync + 'static {
    ready(n)
}

#[profiled_stage]
fn unwind_safe(n: u32) -> impl Future<Output = u32> + UnwindSafe + RefUnwindSafe {
    ready(n)
}

#[profiled_stage]
fn fused(n: u32) -> impl Future<Output = u32> + FusedFuture {
    Fused(Some(n))
}

#[profiled_stage]
fn marked(n: u32) -> impl Future<Output = u32> + Marked {
    ready(n)
}

#[profiled_stage]
fn of_own_trait(n: u32) -> impl own::Future {
    own::like(n)
}

#[profiled_stage]
fn of_own_boxed_type(n: u32) -> own::BoxFuture<u32> {
    own::BoxFuture(n)
}

#[profiled_stage]
fn boxed(a: Loud, b: Loud, fails: bool) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    a.touch();
    Box::pin(async move {
        pause().await;
        fail_if(fails);
        b.touch()
    })
}

#[profiled_op(flops = n)]
fn boxed_elsewhere<'a>(n: u32, text: &'a str) -> Pin<Box<dyn Future<Output = &'a str> + 'a>> {
    if n == 0 {
        return Box::pin(ready(text));
    }
    let future = async move {
        pause().await;
        text
    };
    Box::pin(future)
}

#[profiled_stage]
fn aliased(text: &str) -> Boxed<'_, usize> {
    Box::pin(async move { text.len() })
}

#[profiled_stage]
fn named(n: u32) -> Ready<u32> {
    ready(n)
}

#[profiled_stage]
fn named_of_ours() -> Countdown {
    Countdown(2)
}

#[profiled_stage]
fn perhaps(n: u32) -> Option<impl Future<Output = u32>> {
    (n > 0).then(|| ready(n))
}

#[profiled_stage]
async fn caught(fails: bool) -> u32 {
    pause().await;
    fail_if(fails);
    1
}

#[profiled_stage]
async fn makes_a_future(n: u32) -> impl Future<Output = u32> {
    pause().await;
    ready(n)
}

#[profiled_stage]
async fn calls_back<F>(call: F) -> u32
where
    F: AsyncFn(u32) -> u32,
{
    call(1).await + call(2).await
}

/// Requires these traits of a future.
fn has_all<F: Future + Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>(future: F) -> F {
    future
}

fn sends<F: Future + Send + Sync + UnwindSafe + RefUnwindSafe>(future: F) -> F {
    future
}

pub(crate) fn run() {
    every_end("opaque", |fails| opaque(Loud("a"), Loud("b"), Loud("c"), fails));
    once("opaque, early", || complete(opaque_early(Loud("a"), Loud("b"), true)));
    once("opaque, late", || complete(opaque_early(Loud("a"), Loud("b"), false)));
    once("cloned", || complete(cloned(1).clone()));
    once("unpinned", || complete(Box::pin(unpinned(1))));
    once("unwind safe", || catch_unwind(|| complete(unwind_safe(1))).is_ok());
    once("fused", || {
        let mut future = Box::pin(fused(1));
        let before = future.is_terminated();
        (before, complete(future.as_mut()), future.is_terminated())
    });
    once("marked", || marked(1).mark());
    once("of own trait", || own::Future::value(&of_own_trait(1)));
    once("of own boxed type", || of_own_boxed_type(1) == own::BoxFuture(1));
    every_end("boxed", |fails| boxed(Loud("a"), Loud("b"), fails));
    once("boxed elsewhere", || (complete(boxed_elsewhere(0, "a")), complete(boxed_elsewhere(1, "b"))));
    once("aliased", || complete(aliased("text")));
    once("named", || complete(has_all(named(1))));
    once("named of ours", || complete(named_of_ours().clone()));
    once("perhaps", || (perhaps(1).map(complete), perhaps(0).is_some()));
    once("caught", || {
        let future = AssertUnwindSafe(sends(caught(false)));
        catch_unwind(|| complete(future.0)).is_ok()
    });
    once("makes a future", || complete(complete(makes_a_future(1))));
    once("calls back", || complete(calls_back(async |n| n * 10)));
}
