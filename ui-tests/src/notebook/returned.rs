//! Functions whose type decides what their range covers.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use super::{Call, Described, Range, Site, describe, describe_async, instrument_call, run};

/// The type that a function returns.
#[derive(Debug)]
pub struct Returns<R>(PhantomData<fn() -> R>);

impl<R> Returns<R> {
    /// The type that inference finds.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "generated code names what it calls")]
    pub fn new() -> Self {
        Self(PhantomData)
    }

    /// No value of the type.
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
    /// Describes the call that begins next.
    fn describe(self, site: &'static Site, tell: impl FnOnce(&mut Call)) {
        describe(site, tell);
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
            /// Describes the future that is made next.
            pub fn describe(self, site: &'static Site, tell: impl FnOnce(&mut Call)) -> Described {
                describe_async(site, tell)
            }

            /// Times the future that `body` returns.
            pub fn run<F>(self, site: &'static Site, call: Described, body: F) -> Pin<Box<dyn Future<Output = T> $(+ $bound)* + 'a>>
            where
                F: FnOnce() -> Pin<Box<dyn Future<Output = T> $(+ $bound)* + 'a>>,
            {
                self.leave(site, call, body())
            }

            /// Begins nothing.
            pub fn enter(self, _site: &'static Site) {}

            /// Times the life of `future`.
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
