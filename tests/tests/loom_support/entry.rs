//! Entry that loom watches: its number lies in a cell, which the thread that creates the entry
//! writes.

use loom::cell::UnsafeCell;

/// Entry that is copied as the product's is, while its cell stays in place.
#[derive(Clone, Copy, Debug)]
pub struct Entry(&'static UnsafeCell<u64>);

impl Entry {
    /// Creates entry `number` of a thread's stream.
    pub fn new(number: u64) -> Self {
        // Leaks a few bytes per execution of a model.
        let cell = Box::leak(Box::new(UnsafeCell::new(u64::MAX)));
        // SAFETY: the cell is new.
        cell.with_mut(|place| unsafe { *place = number });
        Self(cell)
    }

    /// Returns the number; fails the model if this thread cannot know it.
    pub fn number(self) -> u64 {
        // SAFETY: loom checks that nobody writes it.
        self.0.with(|place| unsafe { *place })
    }
}
