//! Segments: published parts of a thread's stream, which readers hold by reference.

use super::chunk::{Chunk, ENTRIES};
use super::entry::Entry;
use super::sync::Shared;

/// A published part of a chunk.
#[derive(Clone)]
pub struct Run {
    chunk: Shared<Chunk>,
    from: usize,
    to: usize,
}

impl Run {
    /// Creates a segment of the entries `from..to` of a chunk, clamped to the chunk.
    ///
    /// # Safety
    /// The writer has published a length of at least `to`, and the caller has read it with acquire
    /// ordering.
    pub unsafe fn new(chunk: Shared<Chunk>, from: usize, to: usize) -> Self {
        Self { chunk, from: from.min(to).min(ENTRIES), to: to.min(ENTRIES) }
    }

    /// Returns the position of the first entry in its thread's stream.
    pub fn position(&self) -> u64 {
        self.chunk.base() + self.from as u64
    }

    /// Returns the entries, in the order in which they were recorded.
    pub fn entries(&self) -> &[Entry] {
        // SAFETY: ensured by the caller of `new`.
        unsafe { self.chunk.published(self.from, self.to) }
    }

    /// Releases the memory while the entries are not being read: pages of a file are dropped until
    /// the next read.
    pub fn release(&self) {
        self.chunk.release();
    }

    /// Drops the last entry from the segment.
    pub fn drop_last(&mut self) {
        self.to = self.to.saturating_sub(1).max(self.from);
    }

    /// Drops the first `count` entries from the segment.
    pub fn skip(&mut self, count: usize) {
        self.from = (self.from + count).min(self.to);
    }
}

/// Constructor for tests of readers.
impl Run {
    /// Creates segments with these entries, as if a thread had recorded them.
    pub fn of(entries: &[Entry]) -> Vec<Self> {
        let pieces = entries.chunks(ENTRIES);
        let runs = pieces.filter_map(|piece| {
            let chunk = Shared::new(Chunk::uncounted()?);
            // SAFETY: the chunk is new, large enough, and not shared yet.
            unsafe { chunk.start().copy_from_nonoverlapping(piece.as_ptr(), piece.len()) };
            Some(Self { chunk, from: 0, to: piece.len() })
        });
        runs.collect()
    }
}
