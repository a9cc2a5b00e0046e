//! The range of a call whose signature does not tell it: the call, or the life of the boxed future
//! that it returns.
//!
//! An alias or an associated type may hide a boxed future, and a name may be that of another type.
//! So generated code names the type that the function returns, and method resolution decides: the
//! methods of [`Returns`] itself are for boxed futures, those of [`OfValue`] for every other type.

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

/// Type that a function returns, which may not be known yet.
pub struct Returns<R>(PhantomData<fn() -> R>);

impl<R> Returns<R> {
    /// Creates a marker for the type that inference finds.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::new_without_default, reason = "generated code names what it calls")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    /// Returns `None`, for a branch that never runs and only tells inference the type.
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

/// Recording of a call whose type is no boxed future: the range is the call.
pub trait OfValue<R>: Sized {
    /// Describes the call that begins next.
    #[inline(always)]
    fn describe(self, site: &'static Site, tell: impl FnOnce(&mut Call)) {
        describe(site, tell);
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

    /// Returns the value that such a body returned.
    #[inline(always)]
    fn leave(self, _site: &'static Site, (): (), value: R) -> R {
        value
    }
}

impl<R> OfValue<R> for Returns<R> {}

/// A boxed future: one trait with one implementation below, so that an unknown type does not get
/// six candidate methods.
pub trait BoxedFuture: Sized {
    /// Times the life of the future.
    fn timed(self, site: &'static Site, call: DescribedCall) -> Self;
}

impl<R: BoxedFuture> Returns<R> {
    /// Describes the future that is created next.
    #[inline(always)]
    pub fn describe(self, site: &'static Site, tell: impl FnOnce(&mut Call)) -> DescribedCall {
        describe_async(site, tell)
    }

    /// Runs `body`; the range of `site` is the life of the future that it returns.
    pub fn run(self, site: &'static Site, call: DescribedCall, body: impl FnOnce() -> R) -> R {
        body().timed(site, call)
    }

    /// Begins nothing: a body that cannot move into a closure creates the future now.
    #[inline(always)]
    pub fn enter(self, _site: &'static Site) {}

    /// Times the life of `future`.
    pub fn leave(self, site: &'static Site, call: DescribedCall, future: R) -> R {
        future.timed(site, call)
    }
}

/// Allocates memory for the wrapper of a future; `None` if there is none: then a running recording
/// loses a range.
fn memory_for<F>(_future: &F) -> Option<Box<MaybeUninit<Instrumented<F>>>> {
    let layout = Layout::new::<Instrumented<F>>();
    // SAFETY: the layout's size is not zero: it holds a site.
    let memory = unsafe { alloc(layout) };
    if memory.is_null() {
        if gate::load() & gate::RECORD != 0 {
            // The future's life, and a poll.
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
                // SAFETY: both types are the same but for the lifetime of the object. The compiler
                // demands that `T` outlives `'a`, as it does for every type that names `T`; a boxed
                // future of that type need not, and the function that made one has no such bound.
                // The new box holds that future and data of ours that borrows nothing: it lives as
                // long as that future does, and no other code makes a value of type `T`.
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
