//! The same names where nothing records: a library compiles, and its ranges are nothing.
//!
//! Without the feature `std` there are no streams, and this crate needs neither an allocator nor an operating system.

use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll};

use crate::call::count::IntoCount;
use crate::call::dtype::Dtype;
use crate::call::shape::{Element, Shaped};
use crate::device::Device;
use crate::integer::Integer;

/// Dims of one input that are recorded.
pub(crate) const MAX_DIMS: usize = 8;
/// Beside an input's dtype: it is a list of `usize`, which may be the dims of a tensor that was meant.
pub(crate) const LISTS_DIMS: u64 = 1 << 8;

/// An open range; it records nothing here.
#[must_use = "the range ends when this is dropped: bind it to a name, as in `let _range = …`"]
#[derive(Debug)]
pub struct Range {
    stays_on_its_thread: PhantomData<*const ()>,
}

impl Range {
    /// Returns a guard that records nothing.
    #[doc(hidden)]
    pub const fn nothing() -> Self {
        Self { stays_on_its_thread: PhantomData }
    }
}

// As the guard that records: dropping one early is no mistake of the caller's.
impl Drop for Range {
    fn drop(&mut self) {}
}

/// Begins a stage whose name is known only at run time; nothing here.
pub fn stage(_name: &str) -> Range {
    Range::nothing()
}

/// Begins an op whose name is known only at run time; nothing here.
pub fn op(_name: &str) -> Range {
    Range::nothing()
}

/// Begins a step whose name is known only at run time; nothing here.
pub fn step_named(_name: &str) -> Range {
    Range::nothing()
}

/// Opens a request; nothing here.
pub fn request(_id: &str) -> Range {
    Range::nothing()
}

/// Makes a request of a future; here it is the future and nothing else.
pub fn request_scope<I: AsRef<str>, F: Future>(id: I, future: F) -> RequestScope<I, F> {
    RequestScope { _id: id, future }
}

/// The future of [`request_scope`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct RequestScope<I, F> {
    _id: I,
    future: F,
}

impl<I: AsRef<str>, F: Future> Future for RequestScope<I, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: the future is pinned with the scope: nothing moves it out, and there is no `Drop`.
        unsafe { self.map_unchecked_mut(|scope| &mut scope.future) }.poll(context)
    }
}

/// Returns the request that runs on this thread: here none.
#[must_use]
pub const fn current_request() -> CurrentRequest {
    CurrentRequest(())
}

/// A request that other threads may work for.
#[derive(Clone, Copy, Debug)]
pub struct CurrentRequest(());

impl CurrentRequest {
    /// Runs `work`.
    pub fn run<R>(self, work: impl FnOnce() -> R) -> R {
        work()
    }
}

/// Reports a block that was allocated; nothing here.
pub const fn record_alloc(_device: Device, _address: u64, _bytes: u64) {}

/// Reports a block that is freed; nothing here.
pub const fn record_free(_device: Device, _address: u64, _bytes: u64) {}

/// Reports an allocation that failed; nothing here.
pub const fn record_out_of_memory(_device: Device, _bytes: u64) {}

/// Takes the shapes of one op's inputs; nothing here.
#[derive(Debug)]
pub struct ShapeWriter(());

impl ShapeWriter {
    /// One tensor.
    pub fn tensor(&mut self, _dtype: Dtype, _dims: &[usize]) {}

    /// One tensor whose elements do not lie one after the other.
    pub fn strided(&mut self, _dtype: Dtype, _dims: &[usize], _strides: impl IntoIterator<Item = isize>) {}

    /// A number.
    pub fn scalar(&mut self) {}

    pub(crate) fn marked(&mut self, _dtype: Dtype, _dims: &[usize], _mark: u64) {}

    pub(crate) fn list<T: Element<O>, O>(&mut self, _length: usize) {}
}

/// Takes one call's description; nothing here.
#[derive(Debug)]
pub struct Call(());

impl Call {
    /// Returns whether shapes are recorded.
    pub const fn wants_shapes(&self) -> bool {
        false
    }

    /// Returns whether FLOPs are recorded.
    pub const fn wants_flops(&self) -> bool {
        false
    }

    /// Returns whether the call is recorded.
    pub const fn is_recorded(&self) -> bool {
        false
    }

    /// Takes the site's own arguments.
    pub fn arguments<const COUNT: usize>(&mut self, _values: [Integer; COUNT]) {}

    /// One input.
    pub fn shape<O>(&mut self, _input: &(impl Shaped<O> + ?Sized)) {}

    /// Floating point operations of the call.
    pub fn flops(&mut self, _flops: impl IntoCount) {}

    /// The user's own index of the step.
    pub fn index(&mut self, _index: impl IntoCount) {}
}
