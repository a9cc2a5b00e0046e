//! Stubs for builds without the feature `std`: the public names compile, and ranges are empty.
//!
//! Such a build has no streams and needs neither an allocator nor an operating system.

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
/// Flag next to an input's dtype: the input is a list of `usize`, which may be meant as a tensor's
/// dims.
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

    /// Checks the description of a call, and returns a guard that records nothing.
    #[doc(hidden)]
    pub fn described(_description: impl FnOnce(&mut Call)) -> Self {
        Self::nothing()
    }
}

// The recording guard implements `Drop`. This one does too, so that an explicit `drop` causes no
// lint in the caller's code.
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
pub fn step(_name: &str) -> Range {
    Range::nothing()
}

/// Begins a stage whose name lives as long as the program; does nothing here.
pub fn stage_static(_name: &'static str) -> Range {
    Range::nothing()
}

/// Begins an op whose name lives as long as the program; does nothing here.
pub fn op_static(_name: &'static str) -> Range {
    Range::nothing()
}

/// Begins a step whose name lives as long as the program; does nothing here.
pub fn step_static(_name: &'static str) -> Range {
    Range::nothing()
}

/// Opens a request; does nothing here.
pub fn request(_id: &str) -> Range {
    Range::nothing()
}

/// Wraps a future as a request; here it only polls the future.
pub fn request_scope<I: AsRef<str>, F: Future>(id: I, future: F) -> RequestScope<I, F> {
    RequestScope { _id: id, future }
}

/// Future returned by [`request_scope`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct RequestScope<I, F> {
    _id: I,
    future: F,
}

impl<I: AsRef<str>, F: Future> Future for RequestScope<I, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: the future is pinned with the scope; nothing moves it out, and the scope has no
        // `Drop`.
        unsafe { self.map_unchecked_mut(|scope| &mut scope.future) }.poll(context)
    }
}

/// Returns the request that runs on this thread; always empty here.
#[must_use]
pub const fn current_request() -> CurrentRequest {
    CurrentRequest(())
}

/// Handle to a request that other threads may work for.
#[derive(Clone, Copy, Debug)]
pub struct CurrentRequest(());

impl CurrentRequest {
    /// Runs `work`.
    pub fn run<R>(self, work: impl FnOnce() -> R) -> R {
        work()
    }
}

/// Reports an allocated block; does nothing here.
pub const fn record_alloc(_device: Device, _address: u64, _bytes: u64) {}

/// Reports a freed block; does nothing here.
pub const fn record_free(_device: Device, _address: u64, _bytes: u64) {}

/// Reports a failed allocation; does nothing here.
pub const fn record_out_of_memory(_device: Device, _bytes: u64) {}

/// Writer for the shapes of one op's inputs; it writes nothing here.
#[derive(Debug)]
pub struct ShapeWriter(());

impl ShapeWriter {
    /// Writes one tensor.
    pub fn tensor(&mut self, _dtype: Dtype, _dims: &[usize]) {}

    /// Writes one tensor whose elements are not contiguous in memory.
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

    /// Writes the call's number of floating point operations.
    pub fn flops(&mut self, _flops: impl IntoCount) {}

    /// Writes the step's index, as the user counts it.
    pub fn index(&mut self, _index: impl IntoCount) {}
}
