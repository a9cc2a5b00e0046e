//! What threads share a stream through: the standard library's (and owners of our own), everywhere but in a model.
//!
//! `cursor`, `thread_stream` and `segment` take it from here, so that the loom models in `tests` check these very files: there
//! this module is loom's.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use super::shared::{Shared, boxed};
pub(crate) use crate::few::Few;

/// Moves a pointer that only the calling thread stores on by `count`, with release, in one instruction: a signal handler that
/// comes before it or after it, and moves the pointer itself, is not undone.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
pub(crate) fn advance<T>(pointer: &AtomicPtr<T>, count: usize) {
    // ORDERING: stores of this machine are not reordered with earlier ones, and those of the compiler not with this.
    // SAFETY: adds to the pointer, which nobody else stores to; no `lock`, because other threads only read it.
    unsafe {
        core::arch::asm!("add qword ptr [{}], {}", in(reg) pointer.as_ptr(), in(reg) count * size_of::<T>(), options(nostack));
    }
}

/// Moves a pointer that only the calling thread stores on by `count`, with release.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
#[inline(always)]
pub(crate) fn advance<T>(pointer: &AtomicPtr<T>, count: usize) {
    // ORDERING: published with release; only this thread stores it.
    let _ = pointer.fetch_update(Ordering::Release, Ordering::Relaxed, |next| Some(next.wrapping_add(count)));
}
