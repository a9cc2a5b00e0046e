//! `cudarc`: its streams for ranges that are timed on the GPU, and its device memory for memory
//! profiles.
//!
//! Nothing of cudarc is called before the program passes in a value of it: cudarc panics where
//! there is no driver.

use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use cudarc::driver::{CudaSlice, CudaStream, DevicePtr};

use profiler_core::memory::{Device, record_alloc, record_free};

use super::stream::BorrowedStream;

#[cfg_attr(docsrs, doc(cfg(feature = "cudarc")))]
impl<'a> From<&'a CudaStream> for BorrowedStream<'a> {
    fn from(stream: &'a CudaStream) -> Self {
        // SAFETY: the borrow keeps the stream, and the stream its context.
        unsafe { Self::in_context(stream.cu_stream().cast(), stream.context().cu_ctx().cast()) }
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "cudarc")))]
impl<'a> From<&'a Arc<CudaStream>> for BorrowedStream<'a> {
    fn from(stream: &'a Arc<CudaStream>) -> Self {
        Self::from(&**stream)
    }
}

/// Device memory of `cudarc`'s that memory profiles show: its allocation is reported when this
/// value is made, its release when it is dropped. Use it like the `CudaSlice` inside.
///
/// `cudarc` has no hook in its allocations, so memory is shown where the program wraps it. See
/// [`record_alloc`](crate::memory::record_alloc) for what a profile shows.
///
/// ```no_run
/// use profiler_runtime::cuda::ReportedSlice;
///
/// let context = cudarc::driver::CudaContext::new(0)?;
/// let stream = context.default_stream();
/// let latents = ReportedSlice::new(stream.alloc_zeros::<f32>(1 << 20)?);
/// assert_eq!(latents.len(), 1 << 20);
/// # Ok::<(), cudarc::driver::DriverError>(())
/// ```
#[derive(Debug)]
pub struct ReportedSlice<T> {
    /// Slice, taken by `into_inner` or by the drop, once.
    slice: ManuallyDrop<CudaSlice<T>>,
    /// Device, address and size as reported: the slice may be exchanged for another.
    reported: (Device, u64, u64),
}

impl<T> ReportedSlice<T> {
    /// Reports memory that has been allocated. Asks `cudarc` for the address, which may put an
    /// event on the slice's own stream.
    #[must_use]
    pub fn new(slice: CudaSlice<T>) -> Self {
        let device = Device::Cuda(u8::try_from(slice.ordinal()).unwrap_or(u8::MAX));
        let address = slice.device_ptr(slice.stream()).0;
        let bytes = slice.num_bytes() as u64;
        record_alloc(device, address, bytes);
        Self { slice: ManuallyDrop::new(slice), reported: (device, address, bytes) }
    }

    /// Returns the memory, which from now on counts as released.
    #[must_use]
    pub fn into_inner(self) -> CudaSlice<T> {
        let mut this = ManuallyDrop::new(self);
        this.report_release();
        // SAFETY: `this` is never dropped, so the slice is taken once.
        unsafe { ManuallyDrop::take(&mut this.slice) }
    }

    fn report_release(&self) {
        let (device, address, bytes) = self.reported;
        record_free(device, address, bytes);
    }
}

impl<T> Drop for ReportedSlice<T> {
    fn drop(&mut self) {
        // Before it can be handed out again.
        self.report_release();
        // SAFETY: the slice was not taken: `into_inner` does not come here.
        unsafe { ManuallyDrop::drop(&mut self.slice) };
    }
}

impl<T> Deref for ReportedSlice<T> {
    type Target = CudaSlice<T>;

    fn deref(&self) -> &Self::Target {
        &self.slice
    }
}

impl<T> DerefMut for ReportedSlice<T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.slice
    }
}
