//! The recorder's use of the program's allocator, and its behaviour when the allocator fails or is
//! annotated itself.
//!
//! A separate binary, because a program has one allocator. It only counts, unless a test of these
//! modules makes it do more.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod first_use;
mod no_memory;
mod reentry;
mod reentry_support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Number of this thread's allocations.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, which counts, fails on threads that ask for it, and may be annotated.
struct Allocator;

// SAFETY: every block is the system allocator's.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        if no_memory::fails() { std::ptr::null_mut() } else { reentry_support::allocate(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;
