//! The chunks of a spool that are taken: numbers only, the file follows.
//!
//! At most `capacity` chunks hold a recording. Overwritten chunks that are still read, by a dump
//! that is being written, lie beside them for as long as that takes; when they are given back, as
//! many blocks go back to the disk.

use std::io;

/// The chunks of one file.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Chunks that may be in use; 0 for a file that is only read.
    capacity: u32,
    /// Chunks that were given back.
    free: Vec<u32>,
    /// Chunks that were given back, and whose blocks were too.
    holes: Vec<u32>,
    /// Number of chunks that were ever taken.
    used: u32,
    /// Number of taken chunks that are overwritten and still read.
    beside: u32,
    /// Number of slabs that have all their blocks on the disk.
    pub(super) slabs: u32,
    /// Reason why the file could not grow.
    pub(super) failure: Option<io::Error>,
    /// True if the file is gone; then chunks that are given back go back to the disk.
    pub(super) discarded: bool,
}

/// A chunk that can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It has blocks, with its old contents.
    Used(u32),
    /// It was used before, and has no blocks.
    Hole(u32),
    /// It was never used.
    Fresh(u32),
}

impl Next {
    pub(super) const fn number(self) -> u32 {
        match self {
            Self::Used(number) | Self::Hole(number) | Self::Fresh(number) => number,
        }
    }
}

impl Room {
    /// Creates the room of a new file.
    pub(super) fn of(capacity: u32) -> Self {
        Self { capacity, ..Self::default() }
    }

    /// Creates the room of a file that is only read.
    pub(super) fn filled(slabs: u32, chunks: u32) -> Self {
        Self { slabs, used: chunks, ..Self::default() }
    }

    /// Returns the chunk to take next, if there is room for one.
    pub(super) fn next(&self) -> Option<Next> {
        // CAST: fewer than `used`.
        let out = self.used - (self.free.len() + self.holes.len()) as u32;
        if self.discarded || out - self.beside >= self.capacity {
            return None;
        }
        let used = || self.free.last().map(|number| Next::Used(*number));
        let hole = || self.holes.last().map(|number| Next::Hole(*number));
        used().or_else(hole).or(Some(Next::Fresh(self.used)))
    }

    /// Makes sure that every chunk, `next` too, can be given back without an allocation. False if
    /// memory is short.
    pub(super) fn can_give_back(&mut self, next: Next) -> bool {
        let all = self.used as usize + usize::from(matches!(next, Next::Fresh(_)));
        let (free, holes) = (all - self.free.len().min(all), all - self.holes.len().min(all));
        self.free.try_reserve(free).is_ok() && self.holes.try_reserve(holes).is_ok()
    }

    /// Takes a chunk that [`next`](Self::next) has returned.
    pub(super) fn take(&mut self, next: Next) {
        match next {
            Next::Used(_) => drop(self.free.pop()),
            Next::Hole(_) => drop(self.holes.pop()),
            Next::Fresh(_) => self.used += 1,
        }
    }

    /// Counts a chunk that is overwritten and still read: another may be taken in its place. False
    /// if too many are.
    pub(super) fn put_beside(&mut self) -> bool {
        let has_room = self.beside < self.capacity;
        self.beside += u32::from(has_room);
        has_room
    }

    /// Takes a chunk back; `beside` is what [`put_beside`](Self::put_beside) returned for it. True
    /// if its blocks have to go back to the disk.
    pub(super) fn give(&mut self, number: u32, beside: bool) -> bool {
        self.beside -= u32::from(beside);
        // CAST: fewer than `used`.
        let with_blocks = self.used - self.holes.len() as u32;
        let is_too_much = self.capacity > 0 && with_blocks > self.capacity + self.beside;
        if is_too_much {
            self.holes.push(number);
        } else {
            self.free.push(number);
        }
        is_too_much || self.discarded
    }

    /// Returns how many chunks were ever taken.
    pub(super) fn used(&self) -> u32 {
        self.used
    }

    /// Returns the chunks that were given back and have blocks.
    pub(super) fn free(&self) -> impl Iterator<Item = u32> {
        self.free.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: u32 = 4;

    fn take(room: &mut Room) -> Option<u32> {
        let next = room.next()?;
        room.take(next);
        Some(next.number())
    }

    #[test]
    fn what_is_read_lies_beside_and_the_room_for_it_goes_when_it_is_given_back() {
        let mut room = Room::of(CAPACITY);
        let mut held: Vec<_> = (0..CAPACITY).filter_map(|_| take(&mut room)).collect();
        for dump in 0..20 {
            assert_eq!(take(&mut room), None, "full, before dump {dump}");
            // The recording goes on while a dump reads all of it.
            let read = std::mem::take(&mut held);
            for _ in &read {
                assert!(room.put_beside());
                held.extend(take(&mut room));
            }
            assert_eq!((held.len(), take(&mut room)), (CAPACITY as usize, None));
            assert!(!room.put_beside(), "no more than once the capacity");
            let gone = read.into_iter().filter(|number| room.give(*number, true)).count();
            assert_eq!(gone, CAPACITY as usize, "the file is as large as before");
            assert_eq!(room.used(), 2 * CAPACITY);
        }
    }

    #[test]
    fn what_nobody_reads_is_used_again_and_blocks_before_holes() {
        let mut room = Room::of(CAPACITY);
        let held: Vec<_> = (0..CAPACITY).filter_map(|_| take(&mut room)).collect();
        assert!(room.put_beside());
        assert_eq!(take(&mut room), Some(CAPACITY));
        assert!(room.give(held[0], true), "a hole");
        assert!(!room.give(held[1], false), "as large as it may be");
        assert_eq!(room.next(), Some(Next::Used(held[1])));
        assert_eq!((take(&mut room), take(&mut room)), (Some(held[1]), None));
    }
}
