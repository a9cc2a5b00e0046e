//! Remains of overwritten entries: in this model, only their number.

use super::entry::Entry;

/// Counts of overwritten entries.
#[derive(Clone, Debug, Default)]
pub struct Carry {
    /// Number of entries.
    pub overwritten: u64,
    /// Number of the last entry.
    pub last: u64,
}

impl Carry {
    /// Reads each entry, as the product does, and returns how many there were.
    pub fn absorb(&mut self, entries: &[Entry]) -> usize {
        for entry in entries {
            self.last = entry.number();
            self.overwritten += 1;
        }
        entries.len()
    }
}
