//! Types of loom in place of the standard library's.

pub(super) use super::small_vec::SmallVec;
pub(super) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
pub(super) use loom::sync::{Arc as Shared, Mutex, MutexGuard};
pub(super) use std::sync::PoisonError;

/// Loom's pointer, created at its first use: the product creates a pointer in a `const fn`, where
/// loom's cannot be created. `registry::enrol` touches it before other threads see the stream.
pub(super) struct AtomicPtr<T> {
    first: *mut T,
    atomic: std::sync::OnceLock<loom::sync::atomic::AtomicPtr<T>>,
}

// SAFETY: loom runs one thread at a time, and watches what the pointer leads to.
unsafe impl<T> Sync for AtomicPtr<T> {}
// SAFETY: as above.
unsafe impl<T> Send for AtomicPtr<T> {}

impl<T> AtomicPtr<T> {
    pub(super) const fn new(first: *mut T) -> Self {
        Self { first, atomic: std::sync::OnceLock::new() }
    }

    fn atomic(&self) -> &loom::sync::atomic::AtomicPtr<T> {
        self.atomic.get_or_init(|| loom::sync::atomic::AtomicPtr::new(self.first))
    }

    pub(super) fn load(&self, ordering: Ordering) -> *mut T {
        self.atomic().load(ordering)
    }

    pub(super) fn store(&self, value: *mut T, ordering: Ordering) {
        self.atomic().store(value, ordering);
    }
}

/// Advances the pointer; a model has no signals.
pub(super) fn advance<T>(pointer: &AtomicPtr<T>, count: usize) {
    pointer.store(pointer.load(Ordering::Relaxed).wrapping_add(count), Ordering::Release);
}

/// Puts a value into a box; a model always has memory.
pub(super) fn boxed<T>(value: T) -> Option<Box<T>> {
    Some(Box::new(value))
}
