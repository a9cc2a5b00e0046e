//! Allocates the chunks of a spool by number; [`Spool`](super::Spool) makes the file follow.
//!
//! A recording holds at most `capacity` chunks. A dump may still read chunks that the recording has
//! overwritten. Those are *overflow*: they do not count against the capacity while they are read,
//! and the same number of blocks goes back to the disk when they are freed.

use std::io;

/// The allocation state of one file.
#[derive(Debug, Default)]
pub(super) struct ChunkAllocator {
    /// Maximum number of allocated chunks; 0 for a file that is only read.
    capacity: u32,
    /// Freed chunks.
    free: Vec<u32>,
    /// Freed chunks whose disk blocks were freed too.
    holes: Vec<u32>,
    /// Number of chunks that were ever allocated.
    used: u32,
    /// Number of allocated chunks that are overwritten but still read.
    overflow: u32,
    /// Number of slabs whose blocks are all allocated on the disk.
    pub(super) slabs: u32,
    /// Reason why the file could not grow.
    pub(super) failure: Option<io::Error>,
    /// True if the file is deleted; then the blocks of freed chunks go back to the disk.
    pub(super) discarded: bool,
}

/// A chunk that can be allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A freed chunk with blocks, which hold its old contents.
    Used(u32),
    /// A freed chunk without blocks.
    Hole(u32),
    /// A chunk that was never used.
    Fresh(u32),
}

impl Next {
    pub(super) const fn number(self) -> u32 {
        match self {
            Self::Used(number) | Self::Hole(number) | Self::Fresh(number) => number,
        }
    }
}

impl ChunkAllocator {
    /// Creates the allocator of a new file.
    pub(super) fn new(capacity: u32) -> Self {
        Self { capacity, ..Self::default() }
    }

    /// Creates the allocator of a file that is only read.
    pub(super) fn read_only(slabs: u32, chunks: u32) -> Self {
        Self { slabs, used: chunks, ..Self::default() }
    }

    /// Returns the chunk to allocate next, if the capacity allows one.
    pub(super) fn next(&self) -> Option<Next> {
        // CAST: fewer than `used`.
        let allocated = self.used - (self.free.len() + self.holes.len()) as u32;
        if self.discarded || allocated - self.overflow >= self.capacity {
            return None;
        }
        let used = || self.free.last().map(|number| Next::Used(*number));
        let hole = || self.holes.last().map(|number| Next::Hole(*number));
        used().or_else(hole).or(Some(Next::Fresh(self.used)))
    }

    /// Reserves memory so that every chunk, `next` included, can be freed without an allocation.
    /// Returns false if memory is short.
    pub(super) fn reserve_for_free(&mut self, next: Next) -> bool {
        let all = self.used as usize + usize::from(matches!(next, Next::Fresh(_)));
        let (free, holes) = (all - self.free.len().min(all), all - self.holes.len().min(all));
        self.free.try_reserve(free).is_ok() && self.holes.try_reserve(holes).is_ok()
    }

    /// Allocates a chunk that [`next`](Self::next) has returned.
    pub(super) fn allocate(&mut self, next: Next) {
        match next {
            Next::Used(_) => drop(self.free.pop()),
            Next::Hole(_) => drop(self.holes.pop()),
            Next::Fresh(_) => self.used += 1,
        }
    }

    /// Moves one chunk, overwritten but still read, to the overflow, so that another can be
    /// allocated. Returns false if the overflow is as large as the capacity.
    pub(super) fn move_to_overflow(&mut self) -> bool {
        let fits = self.overflow < self.capacity;
        self.overflow += u32::from(fits);
        fits
    }

    /// Frees a chunk; `is_overflow` is the result of [`move_to_overflow`](Self::move_to_overflow)
    /// for it. Returns whether its blocks must go back to the disk.
    pub(super) fn free(&mut self, number: u32, is_overflow: bool) -> bool {
        self.overflow -= u32::from(is_overflow);
        // CAST: fewer than `used`.
        let with_blocks = self.used - self.holes.len() as u32;
        let is_too_much = self.capacity > 0 && with_blocks > self.capacity + self.overflow;
        if is_too_much {
            self.holes.push(number);
        } else {
            self.free.push(number);
        }
        is_too_much || self.discarded
    }

    /// Returns the number of chunks that were ever allocated.
    pub(super) fn used(&self) -> u32 {
        self.used
    }

    /// Returns the freed chunks that still have blocks.
    pub(super) fn with_blocks(&self) -> impl Iterator<Item = u32> {
        self.free.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: u32 = 4;

    fn allocate(chunks: &mut ChunkAllocator) -> Option<u32> {
        let next = chunks.next()?;
        chunks.allocate(next);
        Some(next.number())
    }

    #[test]
    fn overflow_chunks_return_their_blocks_when_freed() {
        let mut chunks = ChunkAllocator::new(CAPACITY);
        let mut held: Vec<_> = (0..CAPACITY).filter_map(|_| allocate(&mut chunks)).collect();
        for dump in 0..20 {
            assert_eq!(allocate(&mut chunks), None, "full, before dump {dump}");
            // The recording goes on while a dump reads all of it.
            let read = std::mem::take(&mut held);
            for _ in &read {
                assert!(chunks.move_to_overflow());
                held.extend(allocate(&mut chunks));
            }
            assert_eq!((held.len(), allocate(&mut chunks)), (CAPACITY as usize, None));
            assert!(!chunks.move_to_overflow(), "no more than once the capacity");
            let gone = read.into_iter().filter(|number| chunks.free(*number, true)).count();
            assert_eq!(gone, CAPACITY as usize, "the file is as large as before");
            assert_eq!(chunks.used(), 2 * CAPACITY);
        }
    }

    #[test]
    fn freed_chunks_are_reused_blocks_before_holes() {
        let mut chunks = ChunkAllocator::new(CAPACITY);
        let held: Vec<_> = (0..CAPACITY).filter_map(|_| allocate(&mut chunks)).collect();
        assert!(chunks.move_to_overflow());
        assert_eq!(allocate(&mut chunks), Some(CAPACITY));
        assert!(chunks.free(held[0], true), "a hole");
        assert!(!chunks.free(held[1], false), "as large as it may be");
        assert_eq!(chunks.next(), Some(Next::Used(held[1])));
        assert_eq!((allocate(&mut chunks), allocate(&mut chunks)), (Some(held[1]), None));
    }
}
