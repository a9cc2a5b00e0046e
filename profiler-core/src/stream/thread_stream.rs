//! A thread's stream of entries: its chunks, in order, and what was let go of them.
//!
//! Its thread appends through the [`Cursor`] (`buffer`) and takes the lock only for the next chunk; everybody else reads
//! what is published, under that lock. In a ring the chunk that was full first, of all threads, is overwritten when room
//! is needed (`ring`): what matters of it stays in a [`Carry`].

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
    /// Ranges that found no room; written by the owner only.
    lost: AtomicU64,
    /// The budget's generation in which it was spent: not asked again before it changes.
    refused_in: AtomicU64,
    finished: AtomicBool,
    /// Where its newest chunk was put: for the processor to look ahead, never to be read. Not a model's own atomic.
    newest: atomic::AtomicPtr<Chunk>,
    pub(crate) thread: owner::Writer,
}

/// A part of a stream as its readers hold it: without an allocation where it lies in one chunk.
pub(crate) type Runs = Few<Run, 1>;

/// What the lock guards.
#[derive(Default)]
struct Kept {
    /// The first three without an allocation.
    chunks: Few<Shared<Chunk>, 3>,
    /// For the chunk that an end may need when there is no memory: a begin is refused without it.
    spare: Option<Place>,
    /// Position of the first entry that is of interest.
    floor: u64,
    /// What was overwritten from there on, if anything was.
    carry: Option<Box<Carry>>,
    /// Entries ever appended, if no chunk is left to tell.
    past: u64,
    /// Ranges lost before what is of interest.
    lost_before: u64,
}

/// The part of a stream that a stop takes.
pub(crate) struct Taken {
    pub(crate) runs: Runs,
    /// Remains of the entries before them.
    pub(crate) carry: Option<Box<Carry>>,
    /// Ranges that found no room.
    pub(crate) lost: u64,
    /// Nothing more will come.
    pub(crate) is_over: bool,
}

impl Kept {
    /// The place of another chunk, which the list has room for. A begin gets it only if there is as much again for the ends
    /// to come.
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

    /// Where its thread writes: valid for as long as the stream lives.
    pub(crate) fn cursor(&self) -> *const Cursor {
        &raw const self.cursor
    }

    /// Returns where its newest chunk was put: it may be gone.
    pub(crate) fn newest(&self) -> *const Chunk {
        // ORDERING: a hint.
        self.newest.load(Ordering::Relaxed)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the owner a chunk with room; `make_room` is how a ring does. An end may overdraw the budget (by one chunk a thread at most): a range that
    /// has begun is always closed.
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
            // A recording to or from a file has begun meanwhile: the chunk lies in the wrong place.
            if store::number() != store {
                continue;
            }
            // Without memory it is asked again for the next entry: nobody tells when there is some.
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

    /// A chunk for the entries to come, at the cost of the oldest ones if that is how room is made.
    fn take_chunk(&self, may_overdraw: bool, make_room: fn() -> bool) -> Option<Chunk> {
        let (base, thread) = (self.length(), self.thread.ordinal);
        // Not for a thread's first, nor for the one after that, which is soon.
        if base > chunk::FIRST_ENTRIES {
            prealloc::make_ready();
        }
        if chunk::is_ring() {
            // Others may take what was freed here: a few tries, then it is as if nothing were to be had.
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

    /// All entries, or none if the budget leaves no room for allocations.
    ///
    /// # Safety
    /// The caller is the stream's only writer.
    pub(crate) unsafe fn append_all(&self, entries: &[Entry], make_room: fn() -> bool) -> bool {
        // SAFETY: the caller's promise.
        if unsafe { self.cursor.is_full() } && (chunk::is_scarce() || !self.grow(false, make_room)) {
            return false;
        }
        for &entry in entries {
            // SAFETY: the caller's promise.
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

    /// The owner had no room for a range.
    pub(crate) fn count_loss(&self) {
        // ORDERING: owner only writes; readers want a statistic.
        self.lost.store(self.lost.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// The last chunk is not written any more.
    fn seal_last(&self, kept: &Kept) {
        if let Some(last) = kept.chunks.last()
            && last.sealed().is_none()
        {
            last.seal(self.filled(last));
            last.release();
        }
    }

    /// Its thread has ended: it keeps no more memory than it has used.
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

    /// Returns whether threads without streams of their own write it.
    pub(crate) fn is_shared(&self) -> bool {
        self.thread.os_id == 0
    }

    fn is_finished(&self) -> bool {
        // ORDERING: pairs with the store when the thread ended.
        self.finished.load(Ordering::Acquire)
    }

    /// Returns whether its owner writes into a chunk from where chunks do not come from any more.
    pub(crate) fn is_behind(&self) -> bool {
        self.kept().chunks.last().is_some_and(|last| last.sealed().is_none() && last.store() != store::number())
    }

    /// Published entries of the chunk.
    fn filled(&self, chunk: &Chunk) -> usize {
        if let Some((_, length)) = chunk.sealed() {
            return length;
        }
        let written = (self.cursor.published().addr() - chunk.start().addr()) / size_of::<Entry>();
        // A signal handler may have moved the cursor past the end: see there.
        written.min(chunk.capacity())
    }

    fn position(&self, kept: &Kept) -> u64 {
        kept.chunks.last().map_or(kept.past, |last| last.base() + self.filled(last) as u64)
    }

    /// Entries appended so far.
    pub(crate) fn length(&self) -> u64 {
        self.position(&self.kept())
    }

    /// Ranges lost so far.
    pub(crate) fn losses(&self) -> u64 {
        // ORDERING: a statistic.
        self.lost.load(Ordering::Relaxed)
    }

    /// The entries at positions `from..to`, as far as they are still there, and what is left of the others.
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

    /// Takes what there is from a position on; nothing of it is of interest any more. One lock for all of it.
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

    /// When its oldest chunk was full, if it may be overwritten: never the one that is being written.
    pub(crate) fn oldest(&self) -> Option<u64> {
        let kept = self.kept();
        kept.chunks.first().and_then(|first| first.sealed()).map(|(order, _)| order)
    }

    /// Lets go of the oldest chunk; also says the ticks of its last entry and how many ranges went with it.
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
        // SAFETY: `length` entries are published: the chunk was sealed under the lock that is held here.
        let entries = unsafe { first.published(from, length) };
        let absorbed = carry.absorb(entries);
        let (last, ranges) = (carry.last, carry.overwritten - before);
        if absorbed < entries.len() {
            // There is no memory for what stays of the others: the chunk stays with these.
            kept.floor = first.base() + (from + absorbed) as u64;
            return None;
        }
        kept.chunks.remove(0);
        kept.past = first.base() + length as u64;
        Some((first, last, ranges))
    }

    /// Returns whether nothing more will come and nothing is left.
    pub(crate) fn is_spent(&self) -> bool {
        self.is_finished() && self.kept().chunks.is_empty()
    }

    /// Returns whether nothing more will come, and there is nothing of interest.
    pub(crate) fn is_over(&self) -> bool {
        let kept = self.kept();
        self.is_finished() && self.position(&kept) <= kept.floor && self.losses() <= kept.lost_before
    }

    /// Ranges lost since what is of interest began.
    pub(crate) fn lost_lately(&self) -> u64 {
        self.losses() - self.kept().lost_before
    }

    /// Calls `with` what was overwritten.
    pub(crate) fn with_carry<R>(&self, with: impl FnOnce(&Carry) -> R) -> R {
        with(self.kept().carry.as_deref().unwrap_or(&Carry::default()))
    }

    /// Lets go of the chunks that end before `position`; never of the one being written. What comes after is of
    /// interest, and nothing before; so are the losses after `losses`.
    pub(crate) fn forget(&self, position: u64, losses: u64) {
        let mut kept = self.kept();
        let gone = self.let_go(&mut kept, position);
        let carry = kept.carry.take();
        kept.lost_before = losses;
        drop(kept);
        drop((gone, carry));
    }

    /// Forgets all that there is; returns where it ends, and the losses up to there.
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
