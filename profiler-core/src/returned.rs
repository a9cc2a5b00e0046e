//! Chooses the range of a function by its return type: the call itself, or the life of the boxed
//! future that it returns.
//!
//! Macros see only tokens: an alias or an associated type may hide a boxed future, and a familiar
//! name may denote another type. So generated code names the return type, and method resolution
//! decides. The inherent methods of [`Returns`] apply to boxed futures, those of [`OfValue`] to
//! every other type.

use std::alloc::{Layout, alloc};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::{self, MaybeUninit};
use std::pin::Pin;

use crate::call::{Call, describe};
use crate::future::{DescribedCall, Instrumented, describe_async, instrument_call};
use crate::gate;
use crate::range::{Range, run};
use crate::site::Site;
use crate::stream::losses::Loss;

/// A function's return type, which may still have to be inferred.
pub struct Returns<R>(PhantomData<fn() -> R>);

impl<R> Returns<R> {
    /// Creates a marker; inference finds its type.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::new_without_default, reason = "generated code calls it by name")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    /// Returns `None`, for a branch that never runs but gives inference the type.
    #[inline(always)]
    pub const fn none(&self) -> Option<R> {
        None
    }
}

impl<R> Clone for Returns<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Returns<R> {}

impl<R> fmt::Debug for Returns<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Returns<{}>", std::any::type_name::<R>())
    }
}

/// Recording of a function that returns no boxed future: the range is the call.
pub trait OfValue<R>: Sized {
    /// Describes the next call on this thread.
    #[inline(always)]
    fn describe(self, site: &'static Site, description: impl FnOnce(&mut Call)) {
        describe(site, description);
    }

    /// Runs `body` as a range of `site`.
    #[inline(always)]
    fn run(self, site: &'static Site, (): (), body: impl FnOnce() -> R) -> R {
        run(site, body)
    }

    /// Begins a range of `site`, for a body that cannot move into a closure.
    #[inline(always)]
    fn enter(self, site: &'static Site) -> Range {
        Range::enter(site)
    }

    /// Returns the body's value unchanged.
    #[inline(always)]
    fn leave(self, _site: &'static Site, (): (), value: R) -> R {
        value
    }
}

impl<R> OfValue<R> for Returns<R> {}

/// A boxed future. A trait of its own, so that an unknown type has one candidate method and not
/// six.
pub trait BoxedFuture: Sized {
    /// Wraps the future so that its life is recorded.
    fn timed(self, site: &'static Site, call: DescribedCall) -> Self;
}

impl<R: BoxedFuture> Returns<R> {
    /// Describes the next call, which creates a future.
    #[inline(always)]
    pub fn describe(self, site: &'static Site, description: impl FnOnce(&mut Call)) -> DescribedCall {
        describe_async(site, description)
    }

    /// Runs `body`, and records the life of the future that it returns as a range of `site`.
    pub fn run(self, site: &'static Site, call: DescribedCall, body: impl FnOnce() -> R) -> R {
        body().timed(site, call)
    }

    /// Does nothing: no range begins before the future is polled.
    #[inline(always)]
    pub fn enter(self, _site: &'static Site) {}

    /// Wraps `future` so that its life is recorded.
    pub fn leave(self, site: &'static Site, call: DescribedCall, future: R) -> R {
        future.timed(site, call)
    }
}

/// Allocates memory for a future's wrapper. Returns `None`, and counts the lost ranges of a running
/// recording, if there is no memory.
fn memory_for<F>(_future: &F) -> Option<Box<MaybeUninit<Instrumented<F>>>> {
    let layout = Layout::new::<Instrumented<F>>();
    // SAFETY: the layout's size is not zero: the wrapper holds a site.
    let memory = unsafe { alloc(layout) };
    if memory.is_null() {
        if gate::load() & gate::RECORD != 0 {
            // The future's life and a poll.
            (0..2).for_each(|_| Loss::NoMemory.count());
        }
        return None;
    }
    // SAFETY: allocated with the layout of the box's content, which may be uninitialised.
    Some(unsafe { Box::from_raw(memory.cast()) })
}

macro_rules! boxed_futures {
    ($(dyn Future $(+ $bound:ident)*;)*) => {$(
        impl<'a, T> BoxedFuture for Pin<Box<dyn Future<Output = T> $(+ $bound)* + 'a>> {
            fn timed(self, site: &'static Site, call: DescribedCall) -> Self {
                let Some(memory) = memory_for(&self) else { return self };
                let filled = Box::write(memory, instrument_call(site, call, self));
                let timed: Pin<Box<dyn Future<Output = T> $(+ $bound)* + '_>> = Box::into_pin(filled);
                // SAFETY: the types differ only in the lifetime of the trait object. The compiler
                // demands that `T` outlives `'a`, because `Self` names both; a boxed future need
                // not satisfy that, and the function that created it has no such bound. The new box
                // holds the original future and data of ours that borrows nothing, so it is valid
                // for as long as that future is, and no other code creates a value of type `T`.
                unsafe { mem::transmute(timed) }
            }
        }
    )*};
}

boxed_futures! {
    dyn Future;
    dyn Future + Send;
    dyn Future + Send + Sync;
    dyn Future + Send + Unpin;
    dyn Future + Sync;
    dyn Future + Unpin;
}
