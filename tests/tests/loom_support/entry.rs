//! An entry that loom watches: its number lies in a cell, written by the thread that makes the
//! entry.

use loom::cell::UnsafeCell;

/// Copied as the product's is; the cell stays where it is.
#[derive(Clone, Copy, Debug)]
pub struct Entry(&'static UnsafeCell<u64>);

impl Entry {
    /// Entry `number` of its thread's stream.
    pub fn new(number: u64) -> Self {
        // One execution after the other: what one leaves behind is a few bytes.
        let cell = Box::leak(Box::new(UnsafeCell::new(u64::MAX)));
        // SAFETY: the cell is new.
        cell.with_mut(|place| unsafe { *place = number });
        Self(cell)
    }

    /// Its number; fails the model where this thread cannot know it.
    pub fn number(self) -> u64 {
        // SAFETY: loom checks that nobody writes it.
        self.0.with(|place| unsafe { *place })
    }
}
