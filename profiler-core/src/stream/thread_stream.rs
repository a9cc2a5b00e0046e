//! A thread's stream of entries: its chunks, in order, and the remains of discarded ones.
//!
//! Its thread appends through the [`Cursor`] (`buffer`) and takes the lock only for the next chunk;
//! every other thread reads published entries, under that lock. In a ring, the chunk that was
//! sealed first, of all threads, is overwritten when room is needed (`ring`): its open ranges and
//! counts stay in a [`Carry`].

use std::ptr;
use std::sync::atomic;

use super::carry_over::Carry;
use super::chunk::{self, Chunk};
use super::cursor::Cursor;
use super::entry::Entry;
use super::prealloc::Place;
use super::segment::Run;
use super::sync::{AtomicBool, AtomicU64, Few, Mutex, MutexGuard, Ordering, PoisonError, Shared, boxed};
use super::{owner, prealloc, store};

/// One thread's entries.
pub(crate) struct Stream {
    cursor: Cursor,
    kept: Mutex<Kept>,
    /// Number of ranges that found no room; only the owner writes it.
    lost: AtomicU64,
    /// Generation of the budget in which it was spent: not asked again before the generation
    /// changes.
    refused_in: AtomicU64,
    finished: AtomicBool,
    /// Address of the newest chunk: a hint for prefetches, never dereferenced. An atomic of `std`
    /// even in a model.
    newest: atomic::AtomicPtr<Chunk>,
    pub(crate) thread: owner::Writer,
}

/// A part of a stream as its readers hold it: needs no allocation if it lies in one chunk.
pub(crate) type Runs = Few<Run, 1>;

/// State that the lock guards.
#[derive(Default)]
struct Kept {
    /// Chunks, of which the first three need no allocation.
    chunks: Few<Shared<Chunk>, 3>,
    /// Place of the chunk that an end may need when there is no memory: a begin is refused without
    /// it.
    spare: Option<Place>,
    /// Position of the first entry that is of interest.
    floor: u64,
    /// Remains of the entries that were overwritten from there on, if any were.
    carry: Option<Box<Carry>>,
    /// Number of entries ever appended, for when no chunk is left.
    past: u64,
    /// Number of ranges lost before the first entry of interest.
    lost_before: u64,
}

/// The part of a stream that a stop takes.
pub(crate) struct Taken {
    pub(crate) runs: Runs,
    /// Remains of the entries before them.
    pub(crate) carry: Option<Box<Carry>>,
    /// Number of ranges that found no room.
    pub(crate) lost: u64,
    /// True if the thread has ended.
    pub(crate) is_over: bool,
}

impl Kept {
    /// Returns the place of another chunk, and ensures that the list has room for it. A begin gets
    /// a place only if there is another one for the ends to come.
    fn place(&mut self, may_overdraw: bool) -> Option<Place> {
        if may_overdraw {
            self.chunks.has_room(1).then_some(())?;
            return prealloc::place().or_else(|| self.spare.take());
        }
        self.chunks.has_room(2).then_some(())?;
        if self.spare.is_none() {
            self.spare = Some(prealloc::place()?);
        }
        prealloc::place()
    }
}

impl Stream {
    pub(crate) fn new(thread: owner::Writer) -> Self {
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

    /// Returns the cursor of its thread: valid for as long as the stream lives.
    pub(crate) fn cursor(&self) -> *const Cursor {
        &raw const self.cursor
    }

    /// Returns the address of the newest chunk, which may be gone.
    pub(crate) fn newest(&self) -> *const Chunk {
        // ORDERING: a hint.
        self.newest.load(Ordering::Relaxed)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the owner a chunk with room; a ring calls `make_room` for that. An end may overdraw
    /// the budget (by one chunk per thread at most): a range that has begun is always closed.
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
            // The source of chunks has changed meanwhile: the chunk comes from the former one.
            if store::number() != store {
                continue;
            }
            // Without memory the next entry tries again: nothing signals that there is some.
            let Some(place) = kept.place(may_overdraw) else { return false };
            self.seal_last(&kept);
            let (start, capacity) = (chunk.start(), chunk.capacity());
            let placed = place.fill(chunk);
            // ORDERING: a hint.
            self.newest.store(ptr::from_ref::<Chunk>(&placed).cast_mut(), Ordering::Relaxed);
            kept.chunks.push(placed);
            // SAFETY: the owner runs this.
            unsafe { self.cursor.enter(start, start.wrapping_add(capacity)) };
            return true;
        }
    }

    /// Takes a chunk for the entries to come, and in a ring overwrites the oldest ones to make
    /// room.
    fn take_chunk(&self, may_overdraw: bool, make_room: fn() -> bool) -> Option<Chunk> {
        let (base, thread) = (self.length(), self.thread.ordinal);
        // Not for a thread's first chunk, nor for the second one, which follows soon.
        if base > chunk::FIRST_ENTRIES {
            prealloc::make_ready();
        }
        if chunk::is_ring() {
            // Other threads may take the room that this one frees: it gives up after a few tries.
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

    /// Appends all entries, or none if the budget leaves no room for allocations.
    ///
    /// # Safety
    /// The caller is the stream's only writer.
    pub(crate) unsafe fn append_all(&self, entries: &[Entry], make_room: fn() -> bool) -> bool {
        // SAFETY: promised by the caller.
        if unsafe { self.cursor.is_full() } && (chunk::is_scarce() || !self.grow(false, make_room)) {
            return false;
        }
        for &entry in entries {
            // SAFETY: promised by the caller.
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

    /// Counts a range for which the owner had no room.
    pub(crate) fn count_loss(&self) {
        // ORDERING: only the owner writes; readers want a statistic.
        self.lost.store(self.lost.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Seals the last chunk, which is not written any more.
    fn seal_last(&self, kept: &Kept) {
        if let Some(last) = kept.chunks.last()
            && last.sealed().is_none()
        {
            last.seal(self.filled(last));
            last.release();
        }
    }

    /// Finishes the stream of a thread that has ended: it keeps no more memory than it has used.
    pub(crate) fn finish(&self) {
        let mut kept = self.kept();
        self.seal_last(&kept);
        let (fitted, place) = (kept.chunks.last().and_then(|last| last.fitted()), kept.spare.take());
        let replaced = kept.chunks.last_mut().zip(fitted.zip(place));
        let replaced = replaced.map(|(last, (fitted, place))| std::mem::replace(last, place.fill(fitted)));
        drop(kept);
        drop(replaced);
        // ORDERING: read under the registry's lock by the sweep, which tolerates a late answer.
        self.finished.store(true, Ordering::Release);
        store::note_change();
    }

    /// Returns whether threads without streams of their own write to it.
    pub(crate) fn is_shared(&self) -> bool {
        self.thread.os_id == 0
    }

    fn is_finished(&self) -> bool {
        // ORDERING: pairs with the store when the thread ended.
        self.finished.load(Ordering::Acquire)
    }

    /// Returns whether its owner writes into a chunk from a former source of chunks.
    pub(crate) fn is_behind(&self) -> bool {
        self.kept().chunks.last().is_some_and(|last| last.sealed().is_none() && last.store() != store::number())
    }

    /// Returns the number of published entries of the chunk.
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

    /// Returns the entries at positions `from..to`, as far as they are still there, and the remains
    /// of the others.
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
                // SAFETY: `filled` entries are published, read with acquire ordering.
                runs.push(unsafe { Run::new(chunk.clone(), from, to) });
            }
        }
        runs
    }

    /// Takes the entries from a position on; nothing in the stream is of interest afterwards. Takes
    /// the lock once.
    pub(crate) fn take(&self, from: u64) -> Taken {
        let mut kept = self.kept();
        let (position, losses) = (self.position(&kept), self.losses());
        let runs = self.kept_runs(&kept, from.max(kept.floor), position);
        let lost = losses - kept.lost_before;
        let carry = kept.carry.take();
        let gone = self.let_go(&mut kept, position);
        kept.lost_before = losses;
        let is_over = self.is_finished();
        drop(kept);
        drop(gone);
        Taken { runs, carry, lost, is_over }
    }

    /// Returns the oldest chunk's number in the order of seals, if it may be overwritten: it is not
    /// being written.
    pub(crate) fn oldest(&self) -> Option<u64> {
        let kept = self.kept();
        kept.chunks.first().and_then(|first| first.sealed()).map(|(order, _)| order)
    }

    /// Discards the oldest chunk; returns it, the ticks of its last entry and the number of ranges
    /// that went with it.
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
        // SAFETY: `length` entries are published: the chunk was sealed under the lock that is held
        // here.
        let entries = unsafe { first.published(from, length) };
        let absorbed = carry.absorb(entries);
        let (last, ranges) = (carry.last, carry.overwritten - before);
        if absorbed < entries.len() {
            // There is no memory for the remains of the other entries: the chunk stays with these.
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

    /// Returns whether the thread has ended, and there is nothing of interest.
    pub(crate) fn is_over(&self) -> bool {
        let kept = self.kept();
        self.is_finished() && self.position(&kept) <= kept.floor && self.losses() <= kept.lost_before
    }

    /// Returns the number of ranges lost since the first entry of interest.
    pub(crate) fn lost_lately(&self) -> u64 {
        self.losses() - self.kept().lost_before
    }

    /// Calls `with` on the remains of the overwritten entries.
    pub(crate) fn with_carry<R>(&self, with: impl FnOnce(&Carry) -> R) -> R {
        with(self.kept().carry.as_deref().unwrap_or(&Carry::default()))
    }

    /// Discards the chunks that end before `position`, except the one being written. Entries after
    /// it are of interest, and none before; so are the losses after `losses`.
    pub(crate) fn forget(&self, position: u64, losses: u64) {
        let mut kept = self.kept();
        let gone = self.let_go(&mut kept, position);
        let carry = kept.carry.take();
        kept.lost_before = losses;
        drop(kept);
        drop((gone, carry));
    }

    /// Forgets everything; returns the position and the losses at that moment.
    pub(crate) fn forget_all(&self) -> (u64, u64) {
        let mut kept = self.kept();
        let (position, losses) = (self.position(&kept), self.losses());
        let gone = self.let_go(&mut kept, position);
        let carry = kept.carry.take();
        kept.lost_before = losses;
        drop(kept);
        drop((gone, carry));
        (position, losses)
    }

    fn let_go(&self, kept: &mut Kept, position: u64) -> Vec<Shared<Chunk>> {
        let most = kept.chunks.len().saturating_sub(1);
        let ends_before = |chunk: &&Shared<Chunk>| chunk.base() + self.filled(chunk) as u64 <= position;
        let old = kept.chunks.iter().take(most).take_while(ends_before).count();
        kept.floor = position;
        kept.chunks.remove_first(old)
    }
}
