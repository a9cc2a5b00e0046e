//! Ranges of futures: their lives and their polls.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{Call, Site, describe, write};

/// An instrumented future; boxed, because a double need not be cheap.
#[derive(Debug)]
pub struct Instrumented<F> {
    future: Pin<Box<F>>,
    life: Life,
}

#[derive(Debug)]
struct Life {
    site: &'static Site,
    open: bool,
}

/// A described call.
#[derive(Debug, Default)]
pub struct Described(());

/// Runs the description of a future's call.
pub fn describe_async(site: &'static Site, description: impl FnOnce(&mut Call)) -> Described {
    describe(site, description);
    Described(())
}

/// Instruments `future`.
pub fn instrument<F: Future>(site: &'static Site, future: F) -> Instrumented<F> {
    Instrumented { future: Box::pin(future), life: Life { site, open: false } }
}

/// Instruments a future whose call is described.
pub fn instrument_call<F: Future>(site: &'static Site, _call: Described, future: F) -> Instrumented<F> {
    instrument(site, future)
}

impl<F: Future> Future for Instrumented<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let site = self.life.site;
        if !self.life.open {
            self.life.open = true;
            write(format!("first poll of {} {}", site.kind, site.name));
        }
        let result = self.future.as_mut().poll(context);
        if result.is_ready() {
            self.life.open = false;
            write(format!("{} is ready", site.name));
        } else {
            write(format!("{} is pending", site.name));
        }
        result
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if self.open {
            write(format!("{} is dropped", self.site.name));
        }
    }
}
