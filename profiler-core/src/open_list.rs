//! A list of a thread's open ranges, in the order in which they began. Each ends by its own key,
//! because guards may be dropped in any order.
//!
//! The out-of-line paths of ranges use it (`range`, `hooks`); the fast path keeps no list.

use crate::ledger;
use crate::small_vec::SmallVec;

/// Open entries with their keys. More than four at once are rare.
pub(super) struct OpenList<T> {
    last: u64,
    open: SmallVec<(u64, T), 4>,
}

impl<T> OpenList<T> {
    pub(super) const fn new() -> Self {
        Self { last: 0, open: SmallVec::new() }
    }

    /// Ensures that another entry fits, allocating if the list is full. Returns false if there is
    /// no memory.
    #[inline]
    pub(super) fn try_reserve(&mut self) -> bool {
        !self.open.is_full() || self.grow()
    }

    #[cold]
    fn grow(&mut self) -> bool {
        // The list's memory counts as the profiler's.
        let _own = ledger::own();
        self.open.try_reserve(1)
    }

    /// Adds an entry. Returns its key, which is unique and never 0; `None` if there is no memory.
    #[inline]
    pub(super) fn begin(&mut self, opened: T) -> Option<u64> {
        if !self.try_reserve() {
            return None;
        }
        self.last += 1;
        self.open.push((self.last, opened));
        Some(self.last)
    }

    /// Removes the entry with this key. Returns it with the number of open entries that began
    /// before it.
    #[inline]
    pub(super) fn end(&mut self, key: u64) -> Option<(T, usize)> {
        let at = self.open.iter().rposition(|(open, _)| *open == key)?;
        Some((self.open.remove(at).1, at))
    }

    /// Returns the open entry at this index in the order of begins.
    pub(super) fn at(&mut self, index: usize) -> Option<&mut T> {
        self.open.get_mut(index).map(|(_, open)| open)
    }

    /// Returns the number of open entries.
    pub(super) fn count(&self) -> usize {
        self.open.len()
    }

    /// Returns the innermost of the first `count` entries.
    pub(super) fn innermost_of(&self, count: usize) -> Option<&T> {
        self.open.get(..count)?.last().map(|(_, open)| open)
    }

    /// Returns the innermost entry.
    pub(super) fn innermost(&self) -> Option<&T> {
        self.innermost_of(self.open.len())
    }

    /// Returns the entry that began last, with its key.
    pub(super) fn last(&self) -> Option<&(u64, T)> {
        self.open.last()
    }

    /// Returns the entry with this key.
    pub(super) fn get_mut(&mut self, key: u64) -> Option<&mut T> {
        self.open.iter_mut().rev().find(|(open, _)| *open == key).map(|(_, open)| open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_end_once_and_in_any_order() {
        let mut list = OpenList::new();
        let keys: Vec<_> = (0..6).filter_map(|number| list.begin(number)).collect();
        assert_eq!([1, 5, 5, 4].map(|at| list.end(keys[at])), [Some((1, 1)), Some((5, 4)), None, Some((4, 3))]);
        assert_eq!((list.innermost(), list.innermost_of(1), list.count()), (Some(&3), Some(&0), 3));
        assert_eq!((list.at(2).copied(), list.at(3).copied()), (Some(3), None));
        assert_eq!(list.get_mut(keys[2]), Some(&mut 2));
    }

    #[test]
    fn an_entry_that_replaces_another_reuses_its_memory() {
        let mut list = OpenList::new();
        let mut key = list.begin(0);
        for number in 1..1000 {
            let next = list.begin(number);
            assert_eq!(key.and_then(|key| list.end(key)), Some((number - 1, 0)));
            key = next;
        }
        assert!(!list.open.is_spilled());
    }
}
