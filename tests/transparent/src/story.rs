//! Helpers of the stories: values that print their drops, and calls with every end.

use std::fmt::Debug;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, set_hook};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// A value that prints when it is dropped.
#[derive(Debug)]
pub(crate) struct Loud(pub(crate) &'static str);

impl Loud {
    /// Uses the value by reference.
    pub(crate) fn touch(&self) -> usize {
        println!("  touch {}", self.0);
        self.0.len()
    }
}

impl Drop for Loud {
    fn drop(&mut self) {
        println!("  drop {}", self.0);
    }
}

/// Two values that can be moved out one by one.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) first: Loud,
    pub(crate) second: Loud,
}

/// Returns a pair with these names.
pub(crate) const fn pair(first: &'static str, second: &'static str) -> Pair {
    Pair { first: Loud(first), second: Loud(second) }
}

/// Panics if `fails` is set.
pub(crate) fn fail_if(fails: bool) {
    assert!(!fails, "asked to fail");
}

/// Prints the location of every panic instead of its message.
pub(crate) fn report_panics() {
    set_hook(Box::new(|panic| println!("  panic at {}", panic.location().map(place).unwrap_or_default())));
}

/// Formats line and column.
pub(crate) fn place(location: &Location<'_>) -> String {
    format!("{}:{}", location.line(), location.column())
}

/// Calls once and prints the result.
pub(crate) fn once<R: Debug>(name: &str, call: impl FnOnce() -> R) {
    println!("{name}");
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(value) => println!("  returned {value:?}"),
        Err(_) => println!("  unwound"),
    }
}

/// Calls twice: the first call returns, and the second panics.
pub(crate) fn both<R: Debug>(name: &str, call: impl Fn(bool) -> R) {
    once(name, || call(false));
    once(name, || call(true));
}

/// Runs a future to its end and into a panic, and drops it before and after its first poll.
pub(crate) fn every_end<F: Future<Output: Debug>>(name: &str, call: impl Fn(bool) -> F) {
    once(name, || complete(call(false)));
    once(name, || complete(call(true)));
    println!("{name}, not polled");
    let future = call(false);
    println!("  made");
    drop(future);
    println!("{name}, polled once");
    let mut future = Box::pin(call(false));
    let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    println!("  polled");
    drop(future);
}

/// Polls a future until it is ready.
pub(crate) fn complete<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            println!("  ready");
            return output;
        }
        println!("  pending");
    }
}

/// Returns a future that is pending once.
pub(crate) const fn pause() -> impl Future<Output = ()> {
    Pause(false)
}

struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}
