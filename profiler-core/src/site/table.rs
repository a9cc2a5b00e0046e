//! Lock-free look-up of interned names: a name that a thread has interned is found by all without a
//! lock or an allocation.
//!
//! One table for the process rather than a cache for each thread: it holds every name that may be
//! interned, and costs a thread nothing. It is all zeros before the first name, so that it takes no
//! space in the executable. Entries are added under the interner's lock and never removed.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Number of slots: twice the number of names, so that most names are found at once.
pub(super) const SLOTS: usize = 8192;
/// Slots that are searched. An entry for which they are all taken is left to the interner.
const PROBES: usize = 16;

/// An append-only hash table of leaked values.
pub(super) struct Table<T: 'static> {
    slots: [AtomicPtr<T>; SLOTS],
}

impl<T: Sync> Table<T> {
    pub(super) const fn new() -> Self {
        Self { slots: [const { AtomicPtr::new(ptr::null_mut()) }; SLOTS] }
    }

    /// Returns the value with this hash for which `matches` is true.
    #[inline]
    pub(super) fn find(&self, hash: usize, matches: impl Fn(&T) -> bool) -> Option<&'static T> {
        for slot in self.probed(hash) {
            // ORDERING: pairs with the store in `add`.
            // SAFETY: null, or a reference to a value that is never freed, from `add`.
            let value = unsafe { slot.load(Ordering::Acquire).as_ref() }?;
            if matches(value) {
                return Some(value);
            }
        }
        None
    }

    /// Adds a value, if there is room near its slot. The caller has found none like it.
    pub(super) fn add(&self, hash: usize, value: &'static T) {
        let new = ptr::from_ref(value).cast_mut();
        for slot in self.probed(hash) {
            // ORDERING: publishes the value to `find`.
            if slot.compare_exchange(ptr::null_mut(), new, Ordering::Release, Ordering::Relaxed).is_ok() {
                return;
            }
        }
    }

    fn probed(&self, hash: usize) -> impl Iterator<Item = &AtomicPtr<T>> {
        (hash..=hash.saturating_add(PROBES - 1)).map(|at| &self.slots[at % SLOTS])
    }
}

/// Returns a hash of bytes that is cheap for names: a multiplication for each eight bytes.
#[inline]
pub(super) fn hash(seed: u64, bytes: &[u8]) -> usize {
    let mut hash = mixed(seed, bytes.len() as u64);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = mixed(hash, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    folded(mixed(hash, u64::from_le_bytes(last)))
}

/// Returns a hash of an address and a length.
#[inline]
pub(super) fn hash_of_address(seed: u64, text: &'static str) -> usize {
    folded(mixed(mixed(seed, text.as_ptr().addr() as u64), text.len() as u64))
}

const fn mixed(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

const fn folded(hash: u64) -> usize {
    // CAST: the upper bits, in which a multiplication mixes best.
    (hash >> 40) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_hash_and_comparison() {
        static TABLE: Table<u32> = Table::new();
        static VALUES: [u32; 40] = [const { 0 }; 40];
        for value in &VALUES {
            TABLE.add(SLOTS - 1, value);
        }
        let found = |value: &u32| TABLE.find(SLOTS - 1, |other| ptr::eq(value, other)).is_some();
        assert_eq!(VALUES.iter().filter(|value| found(value)).count(), PROBES);
        assert!(TABLE.find(1 << 6, |_| true).is_none());
    }

    #[test]
    fn names_of_any_length_have_hashes_of_their_own() {
        let hashes: std::collections::HashSet<_> =
            (0..64).map(|length| hash(0, "x".repeat(length).as_bytes())).collect();
        assert!(hashes.len() > 60, "{}", hashes.len());
    }
}
