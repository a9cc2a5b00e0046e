//! A reference-counted value like `Arc`, with fallible allocation: `Arc` aborts the process if
//! there is no memory.
//!
//! Memory is allocated first, as an [`Allocation`], and filling it cannot fail. So code that could
//! not roll back allocates before it changes anything.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fmt, mem};

struct Counted<T> {
    owners: AtomicUsize,
    value: T,
}

/// Uninitialised memory for one [`Shared`].
pub(crate) struct Allocation<T>(NonNull<Counted<T>>);

/// A value that lives as long as any of its owners.
pub struct Shared<T>(NonNull<Counted<T>>);

// SAFETY: no other code has a pointer to the memory.
unsafe impl<T> Send for Allocation<T> {}
// SAFETY: owners on several threads share the value, and the last of them drops it.
unsafe impl<T: Send + Sync> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl<T> Allocation<T> {
    const LAYOUT: Layout = Layout::new::<Counted<T>>();

    /// Allocates the memory; `None` if the program's allocator has none.
    pub(crate) fn new() -> Option<Self> {
        // SAFETY: the layout's size is not zero.
        NonNull::new(unsafe { alloc(Self::LAYOUT) }.cast()).map(Self)
    }

    /// Moves a value into the memory; returns its first owner.
    pub(crate) fn fill(self, value: T) -> Shared<T> {
        let counted = self.0;
        mem::forget(self);
        // SAFETY: allocated for the value, and no other code has it.
        unsafe { counted.write(Counted { owners: AtomicUsize::new(1), value }) };
        Shared(counted)
    }
}

impl<T> Drop for Allocation<T> {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout; it holds no value.
        unsafe { dealloc(self.0.as_ptr().cast(), Self::LAYOUT) };
    }
}

impl<T> Shared<T> {
    /// Creates a value with one owner. Aborts if there is no memory, as `Arc` does, so only readers
    /// use it.
    pub fn new(value: T) -> Self {
        Allocation::new().unwrap_or_else(|| handle_alloc_error(Allocation::<T>::LAYOUT)).fill(value)
    }

    /// Returns the number of owners.
    pub(crate) fn owners(&self) -> usize {
        // ORDERING: a hint.
        self.counted().owners.load(Ordering::Relaxed)
    }

    fn counted(&self) -> &Counted<T> {
        // SAFETY: the memory lives as long as any of its owners.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.counted().value
    }
}

impl<T> Clone for Shared<T> {
    #[inline]
    fn clone(&self) -> Self {
        // ORDERING: the caller is already an owner; passing the clone to another thread
        // synchronises.
        self.counted().owners.fetch_add(1, Ordering::Relaxed);
        Self(self.0)
    }
}

impl<T> Drop for Shared<T> {
    #[inline]
    fn drop(&mut self) {
        // ORDERING: the other owners' accesses happen before the drop.
        if self.counted().owners.fetch_sub(1, Ordering::Release) == 1 {
            // A load instead of a fence, because ThreadSanitizer does not support fences.
            let _owners = self.counted().owners.load(Ordering::Acquire);
            // SAFETY: this was the last owner; the memory is freed once, even if the drop unwinds.
            unsafe {
                let _room = Allocation(self.0);
                ptr::drop_in_place(&raw mut (*self.0.as_ptr()).value);
            }
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(formatter)
    }
}

/// Moves a value into a box; `None` if the program's allocator has no memory.
pub(crate) fn boxed<T>(value: T) -> Option<Box<T>> {
    const { assert!(size_of::<T>() > 0, "a zero-sized box must not allocate") };
    // SAFETY: the layout's size is not zero.
    let memory: NonNull<T> = NonNull::new(unsafe { alloc(Layout::new::<T>()) }.cast())?;
    // SAFETY: allocated with the layout of a box's value; no other code has it.
    unsafe {
        memory.write(value);
        Some(Box::from_raw(memory.as_ptr()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn the_last_owner_drops_the_value() {
        let value = Arc::new(());
        drop(Allocation::<Arc<()>>::new().unwrap());
        let shared = Allocation::new().unwrap().fill(Arc::clone(&value));
        let others: Vec<_> = (0..4).map(|_| shared.clone()).collect();
        assert_eq!((shared.owners(), Arc::strong_count(&value)), (5, 2));
        let threads: Vec<_> = others.into_iter().map(|one| thread::spawn(move || drop(one))).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((shared.owners(), Arc::strong_count(&*shared)), (1, 2));
        drop(shared);
        assert_eq!(Arc::strong_count(&value), 1);
    }
}
