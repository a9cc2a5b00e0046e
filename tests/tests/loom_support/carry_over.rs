//! Remains of overwritten entries: in this model, only their number.

use super::entry::Entry;

/// The counts.
#[derive(Clone, Debug, Default)]
pub struct Carry {
    /// Entries.
    pub overwritten: u64,
    /// The last one's number.
    pub last: u64,
}

impl Carry {
    /// Reads each of them, as the product does, and says how many they were.
    pub fn absorb(&mut self, entries: &[Entry]) -> usize {
        for entry in entries {
            self.last = entry.number();
            self.overwritten += 1;
        }
        entries.len()
    }
}
