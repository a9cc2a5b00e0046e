//! Functions whose return type decides what their range covers.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use super::{Call, Described, Range, Site, describe, describe_async, instrument_call, run};

/// A function's return type.
#[derive(Debug)]
pub struct Returns<R>(PhantomData<fn() -> R>);

impl<R> Returns<R> {
    /// Creates a marker whose type inference finds.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "generated code calls it by name")]
    pub fn new() -> Self {
        Self(PhantomData)
    }

    /// Returns `None`.
    #[must_use]
    pub fn none(&self) -> Option<R> {
        None
    }
}

impl<R> Clone for Returns<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Returns<R> {}

/// Any type that is no boxed future.
pub trait OfValue<R>: Sized {
    /// Describes the next call.
    fn describe(self, site: &'static Site, description: impl FnOnce(&mut Call)) {
        describe(site, description);
    }

    /// Runs `body` as a range.
    fn run(self, site: &'static Site, (): (), body: impl FnOnce() -> R) -> R {
        run(site, body)
    }

    /// Begins a range.
    fn enter(self, site: &'static Site) -> Range {
        Range::enter(site)
    }

    /// Returns the body's value.
    fn leave(self, _site: &'static Site, (): (), value: R) -> R {
        value
    }
}

impl<R> OfValue<R> for Returns<R> {}

macro_rules! boxed_futures {
    ($(dyn Future $(+ $bound:ident)*;)*) => {$(
        impl<'a, T: 'a> Returns<Pin<Box<dyn Future<Output = T> $(+ $bound)* + 'a>>> {
            /// Describes the next call, which creates a future.
            pub fn describe(self, site: &'static Site, description: impl FnOnce(&mut Call)) -> Described {
                describe_async(site, description)
            }

            /// Instruments the future that `body` returns.
            pub fn run<F>(self, site: &'static Site, call: Described, body: F) -> Pin<Box<dyn Future<Output = T> $(+ $bound)* + 'a>>
            where
                F: FnOnce() -> Pin<Box<dyn Future<Output = T> $(+ $bound)* + 'a>>,
            {
                self.leave(site, call, body())
            }

            /// Does nothing.
            pub fn enter(self, _site: &'static Site) {}

            /// Instruments `future`.
            pub fn leave(
                self,
                site: &'static Site,
                call: Described,
                future: Pin<Box<dyn Future<Output = T> $(+ $bound)* + 'a>>,
            ) -> Pin<Box<dyn Future<Output = T> $(+ $bound)* + 'a>> {
                Box::pin(instrument_call(site, call, future))
            }
        }
    )*};
}

boxed_futures! {
    dyn Future;
    dyn Future + Send;
}
