//! Stores the chunks of streams in a memory-mapped file, so that a recording can outgrow memory and
//! survive its process.
//!
//! ```text
//! .spool_rank0.entries   header │ slab │ slab │ …          slab = index chunk, then 31 chunks of entries
//! .spool_rank0.journal   lines: session, threads, sites, windows, loaded code, timed devices
//! ```
//!
//! The kernel owns a page of a shared mapping, so a store survives the process however it ends.
//! After a power failure the file holds what has reached the disk; [`active`] syncs every second. A
//! slab's index has a row for each chunk, which names the chunk's thread; unused parts of a chunk
//! are zero. [`reader`] reads a spool back.

pub(crate) mod active;
mod allocator;
pub(crate) mod journal;
pub(crate) mod locked_file;
pub(crate) mod reader;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::os::mapping::Mapping;
use allocator::{ChunkAllocator, Next};
use journal::{Journal, JournalLine};
use profiler_core::clock::Anchor;
use profiler_core::site::{Listener, Site};
use profiler_core::stream::registry::ThreadIdentity;
use profiler_core::stream::slab::CHUNK_BYTES;
use profiler_core::stream::store::Store;

/// First word of the file. A machine of another byte order reads a different number.
const MAGIC: u64 = u64::from_le_bytes(*b"PRFSPOOL");
/// Second word: the layout's version, raised when older readers would misread the file.
const VERSION: u64 = 4;
/// Released versions of the format, by layout version.
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
/// Offset of an anchor's checksum, after its words.
const CHECK: usize = 40;

/// The file that holds one session's chunks.
pub(crate) struct Spool {
    mapping: Mapping,
    path: PathBuf,
    /// Maximum number of allocated chunks; 0 for a file that is only read.
    capacity: u32,
    chunks: Mutex<ChunkAllocator>,
    /// Journal that describes what the entries refer to; `None` for a file that is only read.
    journal: Option<Arc<Journal>>,
}

impl Spool {
    /// Creates a new file that may grow to `max_bytes`.
    fn create(path: &Path, max_bytes: u64, journal: Option<Arc<Journal>>) -> io::Result<Self> {
        let slabs = usize::try_from(max_bytes).unwrap_or(usize::MAX) / SLAB;
        let slabs = slabs.clamp(1, usize::from(u16::MAX) << 8);
        // Twice the size, for chunks that are overwritten while a dump reads them.
        let bytes = HEADER + 2 * slabs * SLAB;
        let file = File::options().read(true).write(true).create_new(true).open(path)?;
        let created = Mapping::new(file, bytes, true).and_then(|mapping| {
            mapping.allocate(0, HEADER)?;
            Ok(mapping)
        });
        let mapping = created.inspect_err(|_| drop(fs::remove_file(path)))?;
        // ORDERING: no other thread has the mapping yet.
        mapping.word(8).store(VERSION, Ordering::Relaxed);
        mapping.word(0).store(MAGIC, Ordering::Relaxed);
        // CAST: clamped above.
        let capacity = (slabs * CHUNKS) as u32;
        Ok(Self {
            mapping,
            path: path.to_owned(),
            capacity,
            chunks: Mutex::new(ChunkAllocator::new(capacity)),
            journal,
        })
    }

    fn allocator(&self) -> MutexGuard<'_, ChunkAllocator> {
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure that a chunk can be written to; frees it if not.
    fn populate(&self, number: u32, at: usize) -> Option<()> {
        let populated = self.mapping.populate(at, CHUNK_BYTES);
        populated
            .map_err(|error| {
                let mut chunks = self.allocator();
                chunks.free(number, false);
                chunks.failure = Some(error);
            })
            .ok()
    }

    /// Allocates a chunk with disk blocks; returns its number and whether it holds old contents.
    fn allocate(&self) -> Option<(u32, bool)> {
        let mut chunks = self.allocator();
        let next = chunks.next()?;
        if !chunks.reserve_for_free(next) {
            return None;
        }
        let allocated = match next {
            Next::Used(_) => Ok(()),
            Next::Hole(number) => self.mapping.allocate(chunk_at(number), CHUNK_BYTES),
            Next::Fresh(number) if number < self.capacity => self.allocate_slab(&mut chunks, number),
            Next::Fresh(number) => self.allocate_overflow(number),
        };
        if let Err(error) = allocated {
            chunks.failure = Some(error);
            return None;
        }
        chunks.allocate(next);
        Some((next.number(), matches!(next, Next::Used(_))))
    }

    fn allocate_slab(&self, chunks: &mut ChunkAllocator, number: u32) -> io::Result<()> {
        if number as usize >= chunks.slabs as usize * CHUNKS {
            self.mapping.allocate(slab_at(number), SLAB)?;
            chunks.slabs += 1;
        }
        Ok(())
    }

    /// Allocates blocks for one chunk beyond the capacity, where unused chunks have none.
    fn allocate_overflow(&self, number: u32) -> io::Result<()> {
        let slab = slab_at(number);
        self.mapping.extend_to(slab + SLAB)?;
        self.mapping.allocate(slab, CHUNK_BYTES)?;
        self.mapping.allocate(chunk_at(number), CHUNK_BYTES)
    }

    fn write_row(&self, number: u32, thread: u32, base: u64) {
        let at = row_at(number);
        let (first, second) = (self.mapping.word(at), self.mapping.word(at + 8));
        // ORDERING: the process may end between any two stores; the checksum reveals a torn row.
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

    /// Replaces a word of the header.
    fn set(&self, word: usize, number: u64) {
        // ORDERING: each word is independent.
        self.mapping.word(word).store(number, Ordering::Relaxed);
    }

    /// Stores an anchor in one of two slots, by turns, so that one of them is always complete.
    fn write_anchor(&self, turn: usize, anchor: &Anchor) {
        let at = ANCHORS + turn % 2 * ANCHOR;
        let words = anchor_words(anchor);
        // ORDERING: the checksum reveals whether all words belong to one anchor.
        self.mapping.word(at + CHECK).store(0, Ordering::Release);
        for (index, word) in words.into_iter().enumerate() {
            self.mapping.word(at + index * 8).store(word, Ordering::Release);
        }
        self.mapping.word(at + CHECK).store(u64::from(check(&words)), Ordering::Release);
    }

    fn sync(&self) -> io::Result<()> {
        self.mapping.sync()
    }

    /// Returns the reason if the file could not grow or has lost pages.
    fn failure(&self) -> Option<String> {
        let pages = self.mapping.failed_pages();
        let failed = (pages > 0).then(|| {
            format!(
                "{pages} pages of it were lost: its disk is full, or somebody has cut the file off; record elsewhere"
            )
        });
        failed.or_else(|| self.allocator().failure.as_ref().map(ToString::to_string))
    }

    /// Deletes the file. Chunks that threads still use keep their blocks until they are freed; all
    /// other blocks go back to the disk at once.
    fn discard(&self) -> io::Result<()> {
        fs::remove_file(&self.path)?;
        let mut chunks = self.allocator();
        chunks.discarded = true;
        // CAST: below twice the capacity.
        let never_used = chunks.used()..(chunks.slabs as usize * CHUNKS) as u32;
        let mut unused: Vec<u32> = chunks.with_blocks().chain(never_used).collect();
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
        let (number, used_before) = self.allocate()?;
        let at = chunk_at(number);
        if used_before {
            // Until the new row is written, a reader of the file finds the old row with the old
            // entries or with an empty chunk. Both are valid.
            self.mapping.clear(at, CHUNK_BYTES);
        } else {
            self.populate(number, at)?;
        }
        self.write_row(number, thread, base);
        Some((self.mapping.at(at), number))
    }

    fn give(&self, number: u32, has_overflow: bool) {
        self.clear_row(number);
        if self.allocator().free(number, has_overflow) {
            self.mapping.punch(chunk_at(number), CHUNK_BYTES);
        }
    }

    /// Hides the chunk from readers of the file.
    fn give_up(&self, number: u32, is_read: bool) -> bool {
        self.clear_row(number);
        is_read && self.allocator().move_to_overflow()
    }

    fn release(&self, number: u32) {
        self.mapping.release(chunk_at(number), CHUNK_BYTES);
    }

    fn capacity(&self) -> usize {
        self.capacity as usize
    }

    fn count_overwritten(&self, ticks: u64, ranges: u64) {
        // ORDERING: each word is independent.
        self.mapping.word(HORIZON).fetch_max(ticks, Ordering::Relaxed);
        self.mapping.word(OVERWRITTEN).fetch_add(ranges, Ordering::Relaxed);
    }

    fn announce_thread(&self, ordinal: u32, os_id: u64, name: &str) {
        if let Some(journal) = &self.journal {
            journal.append(&JournalLine::Thread { ordinal, os_id, name: name.into() });
        }
    }

    fn announce_threads(&self, threads: &[ThreadIdentity]) {
        if let Some(journal) = &self.journal {
            journal.append_all(threads.iter().map(JournalLine::from_thread));
        }
    }
}

impl Listener for Spool {
    fn announce_sites(&self, sites: &[(&'static Site, u32)]) {
        if let Some(journal) = &self.journal {
            journal.append_all(sites.iter().map(|(site, number)| JournalLine::from_site(site, *number)));
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
    fn a_file_shrinks_after_its_overwritten_chunks_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("entries");
        let spool = Spool::create(&path, SLAB as u64, None).unwrap();
        // Including the other slab's index and the file system's own blocks.
        let max = (HEADER + SLAB + 2 * CHUNK_BYTES) as u64;
        let fill = || -> Vec<u32> { std::iter::from_fn(|| Some(spool.take(1, 0)?.1)).collect() };
        let mut held = fill();
        for _ in 0..3 {
            assert_eq!(held.len(), CHUNKS);
            let read = std::mem::take(&mut held);
            read.iter().for_each(|number| assert!(spool.give_up(*number, true)));
            held = fill();
            let blocks = fs::metadata(&path).unwrap().blocks() * 512;
            assert!((max..2 * max).contains(&blocks), "twice while it is read: {blocks}");
            read.iter().for_each(|number| spool.give(*number, true));
            let blocks = fs::metadata(&path).unwrap().blocks() * 512;
            assert!(blocks <= max, "{blocks} bytes on the disk are left");
            // Chunks in former holes can be written to.
            for number in &held {
                spool.mapping.clear(chunk_at(*number), CHUNK_BYTES);
            }
        }
    }
}
