//! Scenario of allocations at scripted addresses, and of device memory that a framework reports.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;

use profiler_runtime::memory::{Device, ProfilingAllocator, record_alloc, record_free, record_out_of_memory};
use profiler_runtime::{op, profiled_op, stage, step};

use super::script::{everything, pass, record};

/// Reported minimum size. Other blocks are smaller, or are allocated before the session.
const LEAST: usize = 4096;
const FIRST: usize = 0x6000_0000_0000;

#[global_allocator]
static ALLOCATOR: ProfilingAllocator<Scripted> = ProfilingAllocator::around(Scripted).at_least(LEAST);

/// Allocator that returns the scripted block, if there is one, else the system's.
#[derive(Clone, Copy)]
struct Scripted;

thread_local! {
    /// Address for the next allocation of this thread; 0 for the system's.
    static NEXT: Cell<usize> = const { Cell::new(0) };
}

fn is_scripted(block: *mut u8) -> bool {
    block.addr() & !0xff_ffff_ffff == FIRST
}

// SAFETY: a scripted block is only an address, which no code reads or writes. All other calls go to
// the system.
unsafe impl GlobalAlloc for Scripted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match NEXT.replace(0) {
            // SAFETY: the caller's promise.
            0 => unsafe { System.alloc(layout) },
            next => std::ptr::without_provenance_mut(next),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !is_scripted(block) {
            // SAFETY: the caller's promise.
            unsafe { System.dealloc(block, layout) };
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if is_scripted(block) {
            return std::ptr::without_provenance_mut(NEXT.replace(0));
        }
        // SAFETY: the caller's promise.
        unsafe { System.realloc(block, layout, size) }
    }
}

struct Block(*mut u8, usize);

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, 64).unwrap()
}

/// Allocates `bytes` at a scripted address. Calls the allocator directly, because the compiler may
/// elide a pair of `std::alloc::alloc` and `dealloc`.
fn take(offset: usize, bytes: usize) -> Block {
    pass(1);
    NEXT.set(FIRST + offset);
    // SAFETY: the layout is not empty.
    Block(unsafe { ALLOCATOR.alloc(layout(bytes)) }, bytes)
}

impl Block {
    fn grow(&mut self, offset: usize, bytes: usize) {
        pass(1);
        NEXT.set(FIRST + offset);
        // SAFETY: the block was taken with this layout.
        self.0 = unsafe { ALLOCATOR.realloc(self.0, layout(self.1), bytes) };
        self.1 = bytes;
    }

    fn free(self) {
        pass(1);
        // SAFETY: as above.
        unsafe { ALLOCATOR.dealloc(self.0, layout(self.1)) };
    }
}

#[profiled_op("scale")]
fn scale(offset: usize) -> Block {
    take(offset, 8 << 10)
}

pub(crate) fn memory(folder: &Path) {
    let before = take(0x10_0000, 64 << 10);
    record(everything(folder).torch_profiler_with_memory(true), || {
        let mut kept = {
            let _load = stage!("load");
            take(0x20_0000, 1 << 20)
        };
        for index in 0..2 {
            let _step = step!("denoise_step", index);
            let _stage = stage!("diffuse");
            let block = scale(0x40_0000);
            pass(10);
            block.free();
        }
        kept.grow(0x80_0000, 3 << 20);
        before.free();
        let gpu = Device::Cuda(0);
        record_alloc(gpu, 0x7000_0000, 4 << 20);
        {
            let _op = op!("attention");
            record_alloc(gpu, 0x7100_0000, 1 << 20);
            record_out_of_memory(gpu, 1 << 34);
            pass(5);
            record_free(gpu, 0x7100_0000, 1 << 20);
        }
        pass(20);
    });
}
