//! A thread's stream: its chunks in order, and what is kept of discarded ones.
//!
//! The owning thread appends through the [`Cursor`] (`buffer`) and takes the lock only for the next
//! chunk. Other threads read published entries under that lock. In a ring, the chunk that was
//! sealed first, of all threads, is overwritten when room is needed (`ring`); its open ranges and
//! counts stay in a [`Carry`].

use std::ptr;
use std::sync::atomic;

use super::carry_over::Carry;
use super::chunk::{self, Chunk};
use super::cursor::Cursor;
use super::entry::Entry;
use super::prealloc::ChunkAllocation;
use super::segment::Run;
use super::sync::{AtomicBool, AtomicU64, Mutex, MutexGuard, Ordering, PoisonError, Shared, SmallVec, boxed};
use super::{owner, prealloc, store};

/// One thread's entries.
pub(crate) struct Stream {
    cursor: Cursor,
    kept: Mutex<Kept>,
    /// Number of ranges that found no room. Only the owner writes it.
    lost: AtomicU64,
    /// [`store::generation`] in which the budget was spent; the owner does not try again before it
    /// changes.
    refused_in: AtomicU64,
    finished: AtomicBool,
    /// Address of the newest chunk, a hint for prefetching that is never dereferenced. An atomic of
    /// `std` even in loom models.
    newest: atomic::AtomicPtr<Chunk>,
    pub(crate) thread: owner::StreamOwner,
}

/// Part of a stream as readers hold it. Needs no allocation if it lies in one chunk.
pub(crate) type Runs = SmallVec<Run, 1>;

/// State behind the lock.
#[derive(Default)]
struct Kept {
    /// Chunks in order; the first three need no allocation.
    chunks: SmallVec<Shared<Chunk>, 3>,
    /// Memory for the header of a chunk that an end may need when the allocator has none; begins
    /// are refused without it.
    spare: Option<ChunkAllocation>,
    /// Position of the first entry that readers may still need.
    floor: u64,
    /// State after the entries that were overwritten from `floor` on.
    carry: Option<Box<Carry>>,
    /// Number of entries in chunks that are gone, used when no chunk is left.
    past: u64,
    /// Number of ranges lost before `floor`.
    lost_before: u64,
}

/// The part of a stream that a stop takes.
pub(crate) struct Taken {
    pub(crate) runs: Runs,
    /// State after the discarded entries before them.
    pub(crate) carry: Option<Box<Carry>>,
    /// Number of ranges that found no room.
    pub(crate) lost: u64,
    /// True if the thread has ended.
    pub(crate) is_over: bool,
}

impl Kept {
    /// Takes memory for the header of another chunk, and reserves room for it in the list. A begin
    /// gets it only if there is memory for a second one, for ends.
    fn take_allocation(&mut self, may_overdraw: bool) -> Option<ChunkAllocation> {
        if may_overdraw {
            self.chunks.try_reserve(1).then_some(())?;
            return prealloc::take().or_else(|| self.spare.take());
        }
        self.chunks.try_reserve(2).then_some(())?;
        if self.spare.is_none() {
            self.spare = Some(prealloc::take()?);
        }
        prealloc::take()
    }
}

impl Stream {
    pub(crate) fn new(thread: owner::StreamOwner) -> Self {
        Self {
            cursor: Cursor::full(),
            kept: Mutex::default(),
            lost: AtomicU64::new(0),
            refused_in: AtomicU64::new(0),
            finished: AtomicBool::new(false),
            newest: atomic::AtomicPtr::new(ptr::null_mut()),
            thread,
        }
    }

    /// Returns the owner's cursor, valid for as long as the stream lives.
    pub(crate) fn cursor(&self) -> *const Cursor {
        &raw const self.cursor
    }

    /// Returns the address of the newest chunk, which may already be freed.
    pub(crate) fn newest(&self) -> *const Chunk {
        // ORDERING: a hint.
        self.newest.load(Ordering::Relaxed)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the owner to a new chunk; returns false if there is no room. A ring calls `make_room`.
    /// With `may_overdraw` the chunk may exceed the budget, by at most one chunk per thread, so
    /// that a range that has begun can always end.
    pub(crate) fn grow(&self, may_overdraw: bool, make_room: fn() -> bool) -> bool {
        let generation = store::generation();
        // ORDERING: owner only.
        if !may_overdraw && self.refused_in.load(Ordering::Relaxed) == generation {
            return self.refuse(generation);
        }
        loop {
            let store = store::number();
            let Some(chunk) = self.take_chunk(may_overdraw, make_room) else { return self.refuse(generation) };
            let mut kept = self.kept();
            // The source of chunks has changed meanwhile, so this chunk is from the former one.
            if store::number() != store {
                continue;
            }
            // The next entry tries again, because the allocator does not signal free memory.
            let Some(allocation) = kept.take_allocation(may_overdraw) else { return false };
            self.seal_last(&kept);
            let (start, capacity) = (chunk.start(), chunk.capacity());
            let placed = allocation.fill(chunk);
            // ORDERING: a hint.
            self.newest.store(ptr::from_ref::<Chunk>(&placed).cast_mut(), Ordering::Relaxed);
            kept.chunks.push(placed);
            // SAFETY: the owner runs this.
            unsafe { self.cursor.enter(start, start.wrapping_add(capacity)) };
            return true;
        }
    }

    /// Allocates a chunk for the next entries; in a ring, overwrites the oldest chunks if there is
    /// no room.
    fn take_chunk(&self, may_overdraw: bool, make_room: fn() -> bool) -> Option<Chunk> {
        let (base, thread) = (self.length(), self.thread.ordinal);
        // Not for a thread's first chunk, nor for the second, which follows soon.
        if base > chunk::FIRST_ENTRIES {
            prealloc::refill();
        }
        if chunk::is_ring() {
            // Another thread may win the freed chunk; give up after four attempts.
            for _ in 0..4 {
                if let Some(chunk) = Chunk::take(base, thread, true) {
                    return Some(chunk);
                }
                if !make_room() {
                    break;
                }
            }
        }
        Chunk::take(base, thread, !may_overdraw)
    }

    /// Appends all entries, or none if the budget left is reserved for ranges.
    ///
    /// # Safety
    /// The caller is the stream's only writer.
    pub(crate) unsafe fn append_all(&self, entries: &[Entry], make_room: fn() -> bool) -> bool {
        // SAFETY: ensured by the caller.
        if unsafe { self.cursor.is_full() } && (chunk::is_scarce() || !self.grow(false, make_room)) {
            return false;
        }
        for &entry in entries {
            // SAFETY: ensured by the caller.
            while !unsafe { self.cursor.push(|| entry) } {
                if !self.grow(true, make_room) {
                    return false;
                }
            }
        }
        true
    }

    fn refuse(&self, generation: u64) -> bool {
        // ORDERING: owner only.
        self.refused_in.store(generation, Ordering::Relaxed);
        false
    }

    /// Counts a range for which there was no room.
    pub(crate) fn count_loss(&self) {
        // ORDERING: only the owner writes it; a statistic for readers.
        self.lost.store(self.lost.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Seals the last chunk, which is no longer written.
    fn seal_last(&self, kept: &Kept) {
        if let Some(last) = kept.chunks.last()
            && last.sealed().is_none()
        {
            last.seal(self.filled(last));
            last.release();
        }
    }

    /// Finishes the stream of a thread that is ending: seals its last chunk and frees unused
    /// memory.
    pub(crate) fn finish(&self) {
        let mut kept = self.kept();
        self.seal_last(&kept);
        let (fitted, allocation) = (kept.chunks.last().and_then(|last| last.fitted()), kept.spare.take());
        let replaced = kept.chunks.last_mut().zip(fitted.zip(allocation));
        let replaced = replaced.map(|(last, (fitted, allocation))| std::mem::replace(last, allocation.fill(fitted)));
        drop(kept);
        drop(replaced);
        // ORDERING: read under the registry's lock by code that tolerates a late result.
        self.finished.store(true, Ordering::Release);
        store::bump_generation();
    }

    /// Returns whether several threads without streams of their own write to it.
    pub(crate) fn is_shared(&self) -> bool {
        self.thread.os_id == 0
    }

    fn is_finished(&self) -> bool {
        // ORDERING: pairs with the store in `finish`.
        self.finished.load(Ordering::Acquire)
    }

    /// Returns whether the owner is writing into a chunk from a former source of chunks.
    pub(crate) fn is_behind(&self) -> bool {
        self.kept().chunks.last().is_some_and(|last| last.sealed().is_none() && last.store() != store::number())
    }

    /// Returns the number of published entries in a chunk.
    fn filled(&self, chunk: &Chunk) -> usize {
        if let Some((_, length)) = chunk.sealed() {
            return length;
        }
        let written = (self.cursor.published().addr() - chunk.start().addr()) / size_of::<Entry>();
        // A signal handler may have moved the cursor past the end: see `cursor`.
        written.min(chunk.capacity())
    }

    fn position(&self, kept: &Kept) -> u64 {
        kept.chunks.last().map_or(kept.past, |last| last.base() + self.filled(last) as u64)
    }

    /// Returns the number of entries appended so far.
    pub(crate) fn length(&self) -> u64 {
        self.position(&self.kept())
    }

    /// Returns the number of ranges lost so far.
    pub(crate) fn losses(&self) -> u64 {
        // ORDERING: a statistic.
        self.lost.load(Ordering::Relaxed)
    }

    /// Returns the entries at positions `from..to` that are not overwritten, and the state after
    /// those that are.
    pub(crate) fn runs(&self, from: u64, to: u64) -> (Runs, Option<Box<Carry>>) {
        let kept = self.kept();
        (self.kept_runs(&kept, from.max(kept.floor), to), kept.carry.clone())
    }

    fn kept_runs(&self, kept: &Kept, from: u64, to: u64) -> Runs {
        let mut runs = Runs::new();
        for chunk in &kept.chunks {
            let filled = self.filled(chunk) as u64;
            let inside = |position: u64| position.saturating_sub(chunk.base()).min(filled) as usize;
            let (from, to) = (inside(from), inside(to));
            if from < to {
                // SAFETY: `filled` entries are published, and the length was read with acquire
                // ordering.
                runs.push(unsafe { Run::new(chunk.clone(), from, to) });
            }
        }
        runs
    }

    /// Takes the entries from a position on and discards everything in the stream. Takes the lock
    /// once.
    pub(crate) fn take(&self, from: u64) -> Taken {
        let mut kept = self.kept();
        let (position, losses) = (self.position(&kept), self.losses());
        let runs = self.kept_runs(&kept, from.max(kept.floor), position);
        let lost = losses - kept.lost_before;
        let carry = kept.carry.take();
        let gone = self.discard_before(&mut kept, position);
        kept.lost_before = losses;
        let is_over = self.is_finished();
        drop(kept);
        drop(gone);
        Taken { runs, carry, lost, is_over }
    }

    /// Returns the oldest chunk's number in the order of seals, if the chunk is sealed and so may
    /// be overwritten.
    pub(crate) fn oldest(&self) -> Option<u64> {
        let kept = self.kept();
        kept.chunks.first().and_then(|first| first.sealed()).map(|(order, _)| order)
    }

    /// Discards the oldest chunk. Returns it with the ticks of its last entry and the number of
    /// ranges lost with it.
    pub(crate) fn overwrite(&self) -> Option<(Shared<Chunk>, u64, u64)> {
        let mut kept = self.kept();
        let first = kept.chunks.first()?.clone();
        let (_, length) = first.sealed()?;
        let from = kept.floor.saturating_sub(first.base()).min(length as u64) as usize;
        if kept.carry.is_none() {
            kept.carry = Some(boxed(Carry::default())?);
        }
        let carry = kept.carry.as_deref_mut()?;
        let before = carry.overwritten;
        // SAFETY: `length` entries are published, because the chunk was sealed under the lock that
        // is held here.
        let entries = unsafe { first.published(from, length) };
        let absorbed = carry.absorb(entries);
        let (last, ranges) = (carry.last, carry.overwritten - before);
        if absorbed < entries.len() {
            // There is no memory to absorb the other entries, so the chunk stays with them.
            kept.floor = first.base() + (from + absorbed) as u64;
            return None;
        }
        kept.chunks.remove(0);
        kept.past = first.base() + length as u64;
        Some((first, last, ranges))
    }

    /// Returns whether the thread has ended and no chunk is left.
    pub(crate) fn is_spent(&self) -> bool {
        self.is_finished() && self.kept().chunks.is_empty()
    }

    /// Returns whether the thread has ended and readers need nothing of the stream.
    pub(crate) fn is_over(&self) -> bool {
        let kept = self.kept();
        self.is_finished() && self.position(&kept) <= kept.floor && self.losses() <= kept.lost_before
    }

    /// Returns the number of ranges lost since the last cut.
    pub(crate) fn lost_lately(&self) -> u64 {
        self.losses() - self.kept().lost_before
    }

    /// Calls `with` on the state after the overwritten entries.
    pub(crate) fn with_carry<R>(&self, with: impl FnOnce(&Carry) -> R) -> R {
        with(self.kept().carry.as_deref().unwrap_or(&Carry::default()))
    }

    /// Discards the entries and overwritten state before `position`, and the first `losses` lost
    /// ranges. Frees the chunks that end before `position`, except the one being written.
    pub(crate) fn forget(&self, position: u64, losses: u64) {
        let mut kept = self.kept();
        let gone = self.discard_before(&mut kept, position);
        let carry = kept.carry.take();
        kept.lost_before = losses;
        drop(kept);
        drop((gone, carry));
    }

    /// Discards everything; returns the position and the losses at that moment.
    pub(crate) fn forget_all(&self) -> (u64, u64) {
        let mut kept = self.kept();
        let (position, losses) = (self.position(&kept), self.losses());
        let gone = self.discard_before(&mut kept, position);
        let carry = kept.carry.take();
        kept.lost_before = losses;
        drop(kept);
        drop((gone, carry));
        (position, losses)
    }

    fn discard_before(&self, kept: &mut Kept, position: u64) -> Vec<Shared<Chunk>> {
        let removable = kept.chunks.len().saturating_sub(1);
        let ends_before = |chunk: &&Shared<Chunk>| chunk.base() + self.filled(chunk) as u64 <= position;
        let old = kept.chunks.iter().take(removable).take_while(ends_before).count();
        kept.floor = position;
        kept.chunks.remove_first(old)
    }
}
