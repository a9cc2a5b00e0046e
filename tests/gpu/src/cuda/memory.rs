//! Memory of each kind, copies and fills.

use std::ptr;
use std::slice;

use super::{Gpu, Stream, check};

/// `CU_MEM_ATTACH_GLOBAL`.
const FOR_EVERYONE: u32 = 1;

/// Pinned host memory for floats.
#[derive(Debug)]
pub(crate) struct Pinned {
    start: *mut f32,
    count: usize,
}

impl Pinned {
    /// Returns the floats.
    pub(crate) fn values(&mut self) -> &mut [f32] {
        // SAFETY: the memory was allocated for them, and nothing else writes them while they are
        // borrowed.
        unsafe { slice::from_raw_parts_mut(self.start, self.count) }
    }
}

impl Gpu {
    /// Allocates memory on the device.
    pub(crate) fn allocate(&self, bytes: usize) -> u64 {
        let mut address = 0;
        // SAFETY: the pointer is to a local variable.
        check(unsafe { (self.functions.allocate)(&mut address, bytes) });
        address
    }

    /// Gives them back.
    pub(crate) fn free(&self, address: u64) {
        // SAFETY: the address came from `allocate`.
        check(unsafe { (self.functions.free)(address) });
    }

    /// Allocates memory on the device, in the order of a stream.
    pub(crate) fn allocate_async(&self, bytes: usize, stream: Stream) -> u64 {
        let mut address = 0;
        // SAFETY: the pointer is to a local variable.
        check(unsafe { (self.functions.allocate_async)(&mut address, bytes, stream.0) });
        address
    }

    /// Gives them back.
    pub(crate) fn free_async(&self, address: u64, stream: Stream) {
        // SAFETY: the address came from `allocate_async`.
        check(unsafe { (self.functions.free_async)(address, stream.0) });
    }

    /// Allocates pinned memory for `count` floats.
    pub(crate) fn pinned(&self, count: usize) -> Pinned {
        let mut start = ptr::null_mut();
        // SAFETY: the pointer is to a local variable.
        check(unsafe { (self.functions.allocate_host)(&mut start, count * size_of::<f32>()) });
        Pinned { start: start.cast(), count }
    }

    /// Frees pinned memory.
    pub(crate) fn free_pinned(&self, pinned: Pinned) {
        // SAFETY: it is not used afterwards.
        check(unsafe { (self.functions.free_host)(pinned.start.cast()) });
    }

    /// Fills managed memory with `count` floats of this value, doubles them on the device and reads
    /// them on the host. Returns whether they were doubled.
    pub(crate) fn managed_doubles(&self, stream: Stream, count: u32, value: f32) -> bool {
        let mut address = 0;
        let bytes = count as usize * size_of::<f32>();
        // SAFETY: the pointer is to a local variable, and the host accesses the memory only while
        // the device is idle.
        unsafe {
            check((self.functions.allocate_managed)(&mut address, bytes, FOR_EVERYONE));
            let start = ptr::with_exposed_provenance_mut::<f32>(address as usize);
            slice::from_raw_parts_mut(start, count as usize).fill(value);
            self.scale(stream, address, count, 2.0);
            self.wait(stream);
            let doubled = slice::from_raw_parts(start, count as usize).iter().all(|each| *each == 2.0 * value);
            self.free(address);
            doubled
        }
    }

    /// Copies to the device. `values` must live until the stream is synchronized.
    pub(crate) fn copy_in(&self, stream: Stream, device: u64, values: &[f32]) {
        // SAFETY: the caller keeps the values, and has allocated enough memory.
        check(unsafe { (self.functions.copy_in)(device, values.as_ptr().cast(), size_of_val(values), stream.0) });
    }

    /// Copies to the host. `values` must live until the stream is synchronized.
    pub(crate) fn copy_out(&self, stream: Stream, values: &mut [f32], device: u64) {
        // SAFETY: as above.
        check(unsafe { (self.functions.copy_out)(values.as_mut_ptr().cast(), device, size_of_val(values), stream.0) });
    }

    /// Copies on the device.
    pub(crate) fn copy_on(&self, stream: Stream, to: u64, from: u64, bytes: usize) {
        // SAFETY: the caller has allocated enough memory at both addresses.
        check(unsafe { (self.functions.copy_on)(to, from, bytes, stream.0) });
    }

    /// Sets bytes to 0.
    pub(crate) fn fill(&self, stream: Stream, device: u64, bytes: usize) {
        // SAFETY: as above.
        check(unsafe { (self.functions.fill)(device, 0, bytes, stream.0) });
    }

    /// Fills, copies to the device, doubles, copies back, and waits.
    pub(crate) fn round_trip(&self, stream: Stream, values: &mut [f32]) {
        let bytes = size_of_val(values);
        let (device, count) = (self.allocate(bytes), u32::try_from(values.len()).unwrap_or(0));
        self.fill(stream, device, bytes);
        self.copy_in(stream, device, values);
        self.scale(stream, device, count, 2.0);
        self.copy_out(stream, values, device);
        self.wait(stream);
        self.free(device);
    }
}
