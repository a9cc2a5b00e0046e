//! Re-exports the types through which threads share a stream, so that loom models can replace them.
//!
//! `cursor`, `thread_stream` and `segment` import them from here. The loom models in `tests`
//! compile the same files with loom's types in this module's place.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use super::shared::{Shared, boxed};
pub(crate) use crate::small_vec::SmallVec;

/// Advances a pointer by `count` entries with release ordering, in one instruction. Only the
/// calling thread stores the pointer. One instruction, so that a signal handler's own advance
/// before or after it is not undone. Sanitizers do not see assembly, so they get the portable
/// version.
#[cfg(all(target_arch = "x86_64", not(any(miri, sanitized))))]
#[inline(always)]
pub(crate) fn advance<T>(pointer: &AtomicPtr<T>, count: usize) {
    // ORDERING: x86-64 does not reorder stores, and the compiler reorders none with the assembly.
    // SAFETY: adds to the pointer, which no other thread stores; without `lock`, because other
    // threads only read it.
    unsafe {
        core::arch::asm!(
            "add qword ptr [{}], {}",
            in(reg) pointer.as_ptr(),
            in(reg) count * size_of::<T>(),
            options(nostack),
        );
    }
}

/// Advances a pointer by `count` entries with release ordering. Only the calling thread stores the
/// pointer.
#[cfg(not(all(target_arch = "x86_64", not(any(miri, sanitized)))))]
#[inline(always)]
pub(crate) fn advance<T>(pointer: &AtomicPtr<T>, count: usize) {
    // ORDERING: published with release; only this thread stores it.
    let _ = pointer.fetch_update(Ordering::Release, Ordering::Relaxed, |next| Some(next.wrapping_add(count)));
}
