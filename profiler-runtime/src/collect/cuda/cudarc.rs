//! Connects `cudarc`: its streams time ranges on the GPU, and its device memory appears in memory
//! profiles.
//!
//! This module calls cudarc only with values that the program passes in, because cudarc panics if
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
        // SAFETY: the borrow keeps the stream alive, and the stream its context.
        unsafe { Self::in_context(stream.cu_stream().cast(), stream.context().cu_ctx().cast()) }
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "cudarc")))]
impl<'a> From<&'a Arc<CudaStream>> for BorrowedStream<'a> {
    fn from(stream: &'a Arc<CudaStream>) -> Self {
        Self::from(&**stream)
    }
}

/// Device memory of `cudarc` that memory profiles show: reports the allocation when created and the
/// release when dropped. Dereferences to the `CudaSlice` inside.
///
/// `cudarc` has no allocation hook, so a profile shows only memory that the program wraps.
/// [`record_alloc`](crate::memory::record_alloc) describes what a profile shows.
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
    /// Wrapped memory, taken out once, by `into_inner` or by the drop.
    slice: ManuallyDrop<CudaSlice<T>>,
    /// Device, address and size as reported. Kept, because the slice may be replaced by another.
    reported: (Device, u64, u64),
}

impl<T> ReportedSlice<T> {
    /// Reports and wraps allocated memory. Asks `cudarc` for the address, which may record an event
    /// on the slice's own stream.
    #[must_use]
    pub fn new(slice: CudaSlice<T>) -> Self {
        let device = Device::Cuda(u8::try_from(slice.ordinal()).unwrap_or(u8::MAX));
        let address = slice.device_ptr(slice.stream()).0;
        let bytes = slice.num_bytes() as u64;
        record_alloc(device, address, bytes);
        Self { slice: ManuallyDrop::new(slice), reported: (device, address, bytes) }
    }

    /// Reports the release and returns the memory.
    #[must_use]
    pub fn into_inner(self) -> CudaSlice<T> {
        let mut this = ManuallyDrop::new(self);
        this.report_release();
        // SAFETY: `this` is never dropped, so the slice is taken only once.
        unsafe { ManuallyDrop::take(&mut this.slice) }
    }

    fn report_release(&self) {
        let (device, address, bytes) = self.reported;
        record_free(device, address, bytes);
    }
}

impl<T> Drop for ReportedSlice<T> {
    fn drop(&mut self) {
        // Reported first: once freed, the address may be allocated again.
        self.report_release();
        // SAFETY: `into_inner`, which also takes the slice, prevents this drop.
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
