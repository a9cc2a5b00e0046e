//! What is left of overwritten entries: here, how many there were.

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
    /// Reads each of them, as the product does.
    pub fn absorb(&mut self, entries: &[Entry]) {
        for entry in entries {
            self.last = entry.number();
            self.overwritten += 1;
        }
    }
}
