//! The same names where nothing records: a library compiles, and its ranges are empty.
//!
//! Without the feature `std` there are no streams, and this crate needs neither an allocator nor an
//! operating system.

use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll};

use crate::call::count::IntoCount;
use crate::call::dtype::Dtype;
use crate::call::shape::{Element, Shaped};
use crate::device::Device;
use crate::integer::Integer;

/// Maximum number of recorded dims of one input.
pub(crate) const MAX_DIMS: usize = 8;
/// Mark beside an input's dtype: the input is a list of `usize`, which may be meant as the dims of
/// a tensor.
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

// The guard that records has a `Drop` too: so an explicit `drop` of this one is no lint error in
// the caller.
impl Drop for Range {
    fn drop(&mut self) {}
}

/// Begins a stage whose name is known only at run time; does nothing here.
pub fn stage(_name: &str) -> Range {
    Range::nothing()
}

/// Begins an op whose name is known only at run time; does nothing here.
pub fn op(_name: &str) -> Range {
    Range::nothing()
}

/// Begins a step whose name is known only at run time; does nothing here.
pub fn step_named(_name: &str) -> Range {
    Range::nothing()
}

/// Opens a request; does nothing here.
pub fn request(_id: &str) -> Range {
    Range::nothing()
}

/// Makes a request of a future; here the result only polls the future.
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
        // SAFETY: the future is pinned with the scope: nothing moves it out, and there is no
        // `Drop`.
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

/// Reports a block that was allocated; does nothing here.
pub const fn record_alloc(_device: Device, _address: u64, _bytes: u64) {}

/// Reports a block that is freed; does nothing here.
pub const fn record_free(_device: Device, _address: u64, _bytes: u64) {}

/// Reports an allocation that failed; does nothing here.
pub const fn record_out_of_memory(_device: Device, _bytes: u64) {}

/// Writer for the shapes of one op's inputs; it writes nothing here.
#[derive(Debug)]
pub struct ShapeWriter(());

impl ShapeWriter {
    /// Writes one tensor.
    pub fn tensor(&mut self, _dtype: Dtype, _dims: &[usize]) {}

    /// Writes one tensor whose elements are not contiguous.
    pub fn strided(&mut self, _dtype: Dtype, _dims: &[usize], _strides: impl IntoIterator<Item = isize>) {}

    /// Writes a number.
    pub fn scalar(&mut self) {}

    pub(crate) fn marked(&mut self, _dtype: Dtype, _dims: &[usize], _mark: u64) {}

    pub(crate) fn list<T: Element<O>, O>(&mut self, _length: usize) {}
}

/// Receiver of one call's description; it records nothing here.
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

    /// Writes the site's own arguments.
    pub fn arguments<const COUNT: usize>(&mut self, _values: [Integer; COUNT]) {}

    /// Writes the shape of one input.
    pub fn shape<O>(&mut self, _input: &(impl Shaped<O> + ?Sized)) {}

    /// Writes the number of floating point operations of the call.
    pub fn flops(&mut self, _flops: impl IntoCount) {}

    /// Writes the user's own index of the step.
    pub fn index(&mut self, _index: impl IntoCount) {}
}
