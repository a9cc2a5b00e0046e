//! A spool: chunks in a file that is mapped into memory, so that recordings outgrow memory and
//! outlive their process.
//!
//! ```text
//! .spool_rank0.entries   header │ slab │ slab │ …          slab = index chunk, then 31 chunks of entries
//! .spool_rank0.journal   one line each: session, threads, sites, windows, loaded code, timed devices
//! ```
//!
//! A store into a shared mapping is the kernel's from that moment on: whatever ends the process, it
//! is in the file. A power failure leaves what has reached the disk, which [`active`] asks for
//! every second. Row by row, a slab's index names the thread of each chunk; the rest of a chunk is
//! zero. [`reader`] reads all of it back.

pub(crate) mod active;
mod allocator;
pub(crate) mod held;
pub(crate) mod journal;
pub(crate) mod reader;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::os::mapping::Mapping;
use allocator::{Next, Room};
use journal::{Journal, Note};
use profiler_core::clock::Anchor;
use profiler_core::site::{Listener, Site};
use profiler_core::stream::registry::ThreadIdentity;
use profiler_core::stream::slab::CHUNK_BYTES;
use profiler_core::stream::store::Store;

/// First word of the file; a machine of another byte order reads another one.
const MAGIC: u64 = u64::from_le_bytes(*b"PRFSPOOL");
/// Second word: rises when a reader of the old layout would be wrong.
const VERSION: u64 = 4;
/// Versions of journals, by the version word of their files of entries.
const JOURNALS: [(u64, &str); 2] = [(3, "0.1"), (VERSION, "0.2")];
const HEADER: usize = CHUNK_BYTES;
/// Chunks of entries in a slab.
const CHUNKS: usize = 31;
const SLAB: usize = (CHUNKS + 1) * CHUNK_BYTES;
const ROW: usize = 16;
/// Words of the header.
const HORIZON: usize = 16;
const OVERWRITTEN: usize = 24;
const LOST: usize = 32;
const ITERATIONS: usize = 40;
const ANCHORS: usize = 64;
const ANCHOR: usize = 64;
/// Offset of an anchor's checksum, behind its words.
const CHECK: usize = 40;

/// The file of one session's chunks.
pub(crate) struct Spool {
    mapping: Mapping,
    path: PathBuf,
    /// Chunks that may be in use; 0 for a file that is only read.
    capacity: u32,
    room: Mutex<Room>,
    /// Journal that names what the entries refer to; none for a file that is only read.
    journal: Option<Arc<Journal>>,
}

impl Spool {
    /// Creates a new file that grows to `most_bytes`.
    fn create(path: &Path, most_bytes: u64, journal: Option<Arc<Journal>>) -> io::Result<Self> {
        let slabs = usize::try_from(most_bytes).unwrap_or(usize::MAX) / SLAB;
        let slabs = slabs.clamp(1, usize::from(u16::MAX) << 8);
        // As much again for chunks that are overwritten while they are read.
        let bytes = HEADER + 2 * slabs * SLAB;
        let file = File::options().read(true).write(true).create_new(true).open(path)?;
        let created = Mapping::new(file, bytes, true).and_then(|mapping| {
            mapping.allocate(0, HEADER)?;
            Ok(mapping)
        });
        let mapping = created.inspect_err(|_| drop(fs::remove_file(path)))?;
        // ORDERING: nobody else looks yet.
        mapping.word(8).store(VERSION, Ordering::Relaxed);
        mapping.word(0).store(MAGIC, Ordering::Relaxed);
        // CAST: clamped above.
        let capacity = (slabs * CHUNKS) as u32;
        Ok(Self { mapping, path: path.to_owned(), capacity, room: Mutex::new(Room::of(capacity)), journal })
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure that a chunk can be written to; gives it back if not.
    fn populate(&self, number: u32, at: usize) -> Option<()> {
        let populated = self.mapping.populate(at, CHUNK_BYTES);
        populated
            .map_err(|error| {
                let mut room = self.room();
                room.give(number, false);
                room.failure = Some(error);
            })
            .ok()
    }

    /// Finds a chunk with blocks, and whether they were used before.
    fn find(&self) -> Option<(u32, bool)> {
        let mut room = self.room();
        let next = room.next()?;
        if !room.can_give_back(next) {
            return None;
        }
        let allocated = match next {
            Next::Used(_) => Ok(()),
            Next::Hole(number) => self.mapping.allocate(chunk_at(number), CHUNK_BYTES),
            Next::Fresh(number) if number < self.capacity => self.allocate_slab(&mut room, number),
            Next::Fresh(number) => self.allocate_beside(number),
        };
        if let Err(error) = allocated {
            room.failure = Some(error);
            return None;
        }
        room.take(next);
        Some((next.number(), matches!(next, Next::Used(_))))
    }

    fn allocate_slab(&self, room: &mut Room, number: u32) -> io::Result<()> {
        if number as usize >= room.slabs as usize * CHUNKS {
            self.mapping.allocate(slab_at(number), SLAB)?;
            room.slabs += 1;
        }
        Ok(())
    }

    /// Gives blocks to one chunk beyond the capacity, where only chunks in use have any.
    fn allocate_beside(&self, number: u32) -> io::Result<()> {
        let slab = slab_at(number);
        self.mapping.reach(slab + SLAB)?;
        self.mapping.allocate(slab, CHUNK_BYTES)?;
        self.mapping.allocate(chunk_at(number), CHUNK_BYTES)
    }

    fn write_row(&self, number: u32, thread: u32, base: u64) {
        let at = row_at(number);
        let (first, second) = (self.mapping.word(at), self.mapping.word(at + 8));
        // ORDERING: the process may end between any two of these; the check tells.
        second.store(0, Ordering::Release);
        first.store(base, Ordering::Release);
        second.store(
            u64::from(thread) << 32 | u64::from(check(&[base, thread.into(), number.into()])),
            Ordering::Release,
        );
    }

    fn clear_row(&self, number: u32) {
        if self.capacity > 0 {
            // ORDERING: see `write_row`.
            self.mapping.word(row_at(number) + 8).store(0, Ordering::Release);
        }
    }

    /// Replaces a number of the header.
    fn set(&self, word: usize, number: u64) {
        // ORDERING: each number is right by itself.
        self.mapping.word(word).store(number, Ordering::Relaxed);
    }

    /// Notes that the process lives: two places take turns, so that one is whole.
    fn note_anchor(&self, turn: usize, anchor: &Anchor) {
        let at = ANCHORS + turn % 2 * ANCHOR;
        let words = anchor_words(anchor);
        // ORDERING: the check tells whether all are of one anchor.
        self.mapping.word(at + CHECK).store(0, Ordering::Release);
        for (place, word) in words.into_iter().enumerate() {
            self.mapping.word(at + place * 8).store(word, Ordering::Release);
        }
        self.mapping.word(at + CHECK).store(u64::from(check(&words)), Ordering::Release);
    }

    fn sync(&self) -> io::Result<()> {
        self.mapping.sync()
    }

    /// Returns why the file could not grow, if so.
    fn failure(&self) -> Option<String> {
        let pages = self.mapping.failed_pages();
        let failed = (pages > 0).then(|| {
            format!(
                "{pages} pages of it were lost: its disk is full, or somebody has cut the file off; record elsewhere"
            )
        });
        failed.or_else(|| self.room().failure.as_ref().map(ToString::to_string))
    }

    /// Deletes the file. Chunks that threads still use stay until they leave them; the rest is the
    /// disk's again.
    fn discard(&self) -> io::Result<()> {
        fs::remove_file(&self.path)?;
        let mut room = self.room();
        room.discarded = true;
        // CAST: below twice the capacity.
        let never_used = room.used()..(room.slabs as usize * CHUNKS) as u32;
        let mut unused: Vec<u32> = room.free().chain(never_used).collect();
        unused.sort_unstable();
        for run in unused.chunk_by(|one, next| one + 1 == *next && slab_at(*one) == slab_at(*next)) {
            self.mapping.punch(chunk_at(run[0]), run.len() * CHUNK_BYTES);
        }
        Ok(())
    }
}

impl Store for Spool {
    fn take(&self, thread: u32, base: u64) -> Option<(NonNull<u8>, u32)> {
        if self.mapping.failed_pages() > 0 {
            return None;
        }
        let (number, used_before) = self.find()?;
        let at = chunk_at(number);
        if used_before {
            // A reader of the file finds the old entries, or an empty chunk of the old row: both
            // are right.
            self.mapping.clear(at, CHUNK_BYTES);
        } else {
            self.populate(number, at)?;
        }
        self.write_row(number, thread, base);
        Some((self.mapping.at(at), number))
    }

    fn give(&self, number: u32, has_overflow: bool) {
        self.clear_row(number);
        let mut room = self.room();
        if room.give(number, has_overflow) {
            self.mapping.punch(chunk_at(number), CHUNK_BYTES);
        }
    }

    /// Hides the chunk from a reader of the file.
    fn give_up(&self, number: u32, is_read: bool) -> bool {
        self.clear_row(number);
        is_read && self.room().put_beside()
    }

    fn release(&self, number: u32) {
        self.mapping.release(chunk_at(number), CHUNK_BYTES);
    }

    fn capacity(&self) -> usize {
        self.capacity as usize
    }

    fn count_overwritten(&self, ticks: u64, ranges: u64) {
        // ORDERING: each number is right by itself.
        self.mapping.word(HORIZON).fetch_max(ticks, Ordering::Relaxed);
        self.mapping.word(OVERWRITTEN).fetch_add(ranges, Ordering::Relaxed);
    }

    fn announce_thread(&self, ordinal: u32, os_id: u64, name: &str) {
        if let Some(journal) = &self.journal {
            journal.append(&Note::Thread { ordinal, os_id, name: name.into() });
        }
    }

    fn announce_threads(&self, threads: &[ThreadIdentity]) {
        if let Some(journal) = &self.journal {
            journal.append_all(threads.iter().map(Note::of_thread));
        }
    }
}

impl Listener for Spool {
    fn announce_sites(&self, sites: &[(&'static Site, u32)]) {
        if let Some(journal) = &self.journal {
            journal.append_all(sites.iter().map(|(site, number)| Note::of_site(site, *number)));
        }
    }
}

fn anchor_words(anchor: &Anchor) -> [u64; 5] {
    [anchor.ticks, anchor.monotonic_ns, anchor.unix_ns, anchor.uncertainty_ticks, anchor.asleep_ns]
}

const fn slab_at(number: u32) -> usize {
    HEADER + number as usize / CHUNKS * SLAB
}

const fn chunk_at(number: u32) -> usize {
    slab_at(number) + (1 + number as usize % CHUNKS) * CHUNK_BYTES
}

const fn row_at(number: u32) -> usize {
    slab_at(number) + number as usize % CHUNKS * ROW
}

/// Returns a checksum of numbers; never 0.
fn check(words: &[u64]) -> u32 {
    let mut crc = flate2::Crc::new();
    words.iter().for_each(|word| crc.update(&word.to_le_bytes()));
    crc.sum() | 1
}

#[cfg(all(test, target_os = "linux", not(miri)))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_file_that_is_overwritten_while_it_is_read_does_not_stay_larger() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("entries");
        let spool = Spool::create(&path, SLAB as u64, None).unwrap();
        // The other slab's index, and the file system's own blocks.
        let most = (HEADER + SLAB + 2 * CHUNK_BYTES) as u64;
        let fill = || -> Vec<u32> { std::iter::from_fn(|| Some(spool.take(1, 0)?.1)).collect() };
        let mut held = fill();
        for _ in 0..3 {
            assert_eq!(held.len(), CHUNKS);
            let read = std::mem::take(&mut held);
            read.iter().for_each(|number| assert!(spool.give_up(*number, true)));
            held = fill();
            let blocks = fs::metadata(&path).unwrap().blocks() * 512;
            assert!((most..2 * most).contains(&blocks), "twice while it is read: {blocks}");
            read.iter().for_each(|number| spool.give(*number, true));
            let blocks = fs::metadata(&path).unwrap().blocks() * 512;
            assert!(blocks <= most, "{blocks} bytes on the disk are left");
            // Chunks in former holes can be written to.
            for number in &held {
                spool.mapping.clear(chunk_at(*number), CHUNK_BYTES);
            }
        }
    }
}
