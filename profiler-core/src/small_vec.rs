//! A vector that stores its first entries inline, so that a thread's first range, or a stop that
//! visits every thread, needs no allocation.
//!
//! Every annotated library compiles this crate, so it has its own implementation instead of one
//! more dependency.

use std::fmt;
use std::mem::{self, MaybeUninit};
use std::ops::{Deref, DerefMut};
use std::slice;

/// A vector whose first `N` entries need no allocation.
pub struct SmallVec<T, const N: usize>(Place<T, N>);

enum Place<T, const N: usize> {
    /// Inline entries, and the number of initialized ones.
    Inline([MaybeUninit<T>; N], usize),
    Heap(Vec<T>),
}

impl<T, const N: usize> SmallVec<T, N> {
    /// Creates an empty list.
    pub const fn new() -> Self {
        Self(Place::Inline([const { MaybeUninit::uninit() }; N], 0))
    }

    /// Returns whether another entry would need an allocation.
    #[inline]
    pub const fn is_full(&self) -> bool {
        match &self.0 {
            Place::Inline(_, length) => *length == N,
            Place::Heap(list) => list.len() == list.capacity(),
        }
    }

    /// Reserves room for `count` more entries, allocating if they do not fit inline. Returns false
    /// if there is no memory.
    pub fn try_reserve(&mut self, count: usize) -> bool {
        let length = match &mut self.0 {
            Place::Inline(_, length) => *length,
            Place::Heap(list) => return list.try_reserve(count).is_ok(),
        };
        if length + count <= N {
            return true;
        }
        let mut list = Vec::new();
        if list.try_reserve(length + count).is_err() {
            return false;
        }
        self.spill(list);
        true
    }

    /// Moves the inline entries into `list`, which has room for them.
    fn spill(&mut self, mut list: Vec<T>) {
        if let Place::Inline(entries, length) = &mut self.0 {
            let count = mem::take(length);
            // SAFETY: the first `count` entries are initialized and not read again from the inline
            // array.
            list.extend(entries[..count].iter().map(|entry| unsafe { entry.assume_init_read() }));
            self.0 = Place::Heap(list);
        }
    }

    /// Appends an entry. Aborts if there is no memory, unless [`try_reserve`](Self::try_reserve)
    /// has reserved it.
    #[inline]
    pub fn push(&mut self, entry: T) {
        match &mut self.0 {
            Place::Inline(entries, length) if *length < N => {
                entries[*length].write(entry);
                *length += 1;
            }
            Place::Inline(..) => {
                self.spill(Vec::with_capacity(2 * N + 1));
                self.push(entry);
            }
            Place::Heap(list) => list.push(entry),
        }
    }

    /// Removes the last entry.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        match self.len() {
            0 => None,
            length => Some(self.remove(length - 1)),
        }
    }

    /// Removes the entry at index `at`, which must exist, and shifts later entries down.
    #[inline]
    pub fn remove(&mut self, at: usize) -> T {
        match &mut self.0 {
            // The usual case.
            Place::Inline(entries, length) if at + 1 == *length => {
                *length = at;
                // SAFETY: the entry was initialized, and the length excludes it now.
                unsafe { entries[at].assume_init_read() }
            }
            _ => self.remove_inner(at),
        }
    }

    #[cold]
    fn remove_inner(&mut self, at: usize) -> T {
        match &mut self.0 {
            Place::Inline(entries, length) => {
                entries[at..*length].rotate_left(1);
                *length -= 1;
                // SAFETY: the entry was initialized, and the length excludes it now.
                unsafe { entries[*length].assume_init_read() }
            }
            Place::Heap(list) => list.remove(at),
        }
    }

    /// Removes and returns the first `count` entries, which must exist.
    pub fn remove_first(&mut self, count: usize) -> Vec<T> {
        match &mut self.0 {
            Place::Inline(..) => (0..count).map(|_| self.remove(0)).collect(),
            Place::Heap(list) => list.drain(..count).collect(),
        }
    }

    /// Returns whether the entries are on the heap.
    pub const fn is_spilled(&self) -> bool {
        matches!(self.0, Place::Heap(_))
    }
}

impl<T, const N: usize> Deref for SmallVec<T, N> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match &self.0 {
            // SAFETY: the first `length` entries are initialized.
            Place::Inline(entries, length) => unsafe { slice::from_raw_parts(entries.as_ptr().cast(), *length) },
            Place::Heap(list) => list,
        }
    }
}

impl<T, const N: usize> DerefMut for SmallVec<T, N> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.0 {
            // SAFETY: the first `length` entries are initialized.
            Place::Inline(entries, length) => unsafe {
                slice::from_raw_parts_mut(entries.as_mut_ptr().cast(), *length)
            },
            Place::Heap(list) => list,
        }
    }
}

impl<T, const N: usize> Drop for SmallVec<T, N> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

impl<T, const N: usize> Default for SmallVec<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clone, const N: usize> Clone for SmallVec<T, N> {
    fn clone(&self) -> Self {
        self.iter().cloned().collect()
    }
}

impl<T: fmt::Debug, const N: usize> fmt::Debug for SmallVec<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T, const N: usize> FromIterator<T> for SmallVec<T, N> {
    fn from_iter<I: IntoIterator<Item = T>>(entries: I) -> Self {
        let mut list = Self::new();
        entries.into_iter().for_each(|entry| list.push(entry));
        list
    }
}

impl<T, const N: usize> From<Vec<T>> for SmallVec<T, N> {
    fn from(list: Vec<T>) -> Self {
        Self(Place::Heap(list))
    }
}

impl<'a, T, const N: usize> IntoIterator for &'a SmallVec<T, N> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    #[test]
    fn a_small_vec_behaves_like_a_vec() {
        for count in 0..9_u8 {
            let value = Rc::new(());
            let mut list: SmallVec<_, 3> = (0..count).map(|number| (number, Rc::clone(&value))).collect();
            let mut expected: Vec<_> = (0..count).collect();
            let numbers = |list: &SmallVec<(u8, Rc<()>), 3>| list.iter().map(|(number, _)| *number).collect::<Vec<_>>();
            assert_eq!((numbers(&list), list.is_spilled()), (expected.clone(), count > 3));
            while let Some(at) = expected.len().checked_sub(1).map(|last| last / 2) {
                assert_eq!(list.remove(at).0, expected.remove(at));
                assert_eq!(numbers(&list.clone()), expected);
            }
            assert!(list.try_reserve(1) && list.pop().is_none());
            assert_eq!(Rc::strong_count(&value), 1);
            let mut list: SmallVec<_, 3> = (0..count).map(|number| (number, Rc::clone(&value))).collect();
            assert_eq!(list.remove_first(usize::from(count) / 2).len(), usize::from(count) / 2);
            drop(list);
            assert_eq!(Rc::strong_count(&value), 1);
        }
    }
}
