//! The types through which threads share a stream: the standard library's and our own owners,
//! except in a model.
//!
//! `cursor`, `thread_stream` and `segment` import them from here, so that the loom models in
//! `tests` check these very files: there this module is loom's.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use super::shared::{Shared, boxed};
pub(crate) use crate::few::Few;

/// Advances a pointer that only the calling thread stores by `count`, with release, in one
/// instruction: a signal handler that runs before or after it, and advances the pointer itself, is
/// not undone. Sanitizers see no assembly: they are given the portable way.
#[cfg(all(target_arch = "x86_64", not(any(miri, sanitized))))]
#[inline(always)]
pub(crate) fn advance<T>(pointer: &AtomicPtr<T>, count: usize) {
    // ORDERING: stores of this machine are not reordered with earlier ones, nor those of the
    // compiler with this one. SAFETY: adds to the pointer, which no other thread stores to; no
    // `lock`, because other threads only read it.
    unsafe {
        core::arch::asm!("add qword ptr [{}], {}", in(reg) pointer.as_ptr(), in(reg) count * size_of::<T>(), options(nostack));
    }
}

/// Advances a pointer that only the calling thread stores by `count`, with release.
#[cfg(not(all(target_arch = "x86_64", not(any(miri, sanitized)))))]
#[inline(always)]
pub(crate) fn advance<T>(pointer: &AtomicPtr<T>, count: usize) {
    // ORDERING: published with release; only this thread stores it.
    let _ = pointer.fetch_update(Ordering::Release, Ordering::Relaxed, |next| Some(next.wrapping_add(count)));
}
