//! The registry of every thread's stream, and the marks that cut a session out of them.
//!
//! The registry holds the streams, not the thread-locals, so that a stop can read the streams of
//! threads that are blocked or have ended.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::carry_over::Carry;
use super::entry::Entry;
use super::losses::Losses;
use super::owner::StreamOwner;
pub use super::owner::{ThreadIdentity, os_thread_id};
use super::segment::Run;
use super::shared::{Allocation, Shared};
use super::store::Store;
use super::thread_stream::Runs;
use super::thread_stream::{Stream, Taken};
use super::{chunk, prefetch, ring, store};
use crate::ledger;
use crate::process::PerProcess;

/// All streams, in order of their threads' ordinals.
static STREAMS: PerProcess<Mutex<Vec<Shared<Stream>>>> = PerProcess::new(|_| Mutex::default());
/// Number of threads that can start recording in a session before the list of streams has to grow.
const EXPECTED_THREADS: usize = 256;

/// The positions of all streams at one moment.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// Marks in order of the threads' ordinals.
    threads: Vec<Mark>,
    losses: Losses,
}

/// A position in a thread's stream.
#[derive(Clone, Copy, Debug)]
struct Mark {
    pub ordinal: u32,
    position: u64,
    lost: u64,
}

/// One thread's part of a session.
pub struct ThreadLog {
    /// Thread that recorded the part.
    pub thread: Named,
    /// Recorded entries.
    pub runs: Runs,
    /// Open ranges and counts of earlier, discarded entries; decoded before `runs`.
    pub carry: Option<Box<Carry>>,
    /// Number of ranges for which there was no room.
    pub lost: u64,
}

/// A thread whose name is read on demand: reading it takes the system a while, and a stop may have
/// thousands of threads.
pub struct Named {
    stream: Option<Shared<Stream>>,
    identity: OnceLock<ThreadIdentity>,
}

impl From<ThreadIdentity> for Named {
    fn from(identity: ThreadIdentity) -> Self {
        Self { stream: None, identity: identity.into() }
    }
}

impl Named {
    fn from_stream(stream: &Shared<Stream>) -> Self {
        Self { stream: Some(stream.clone()), identity: OnceLock::new() }
    }

    /// Returns the thread's identity, with its current name or the one that it had when it ended.
    pub fn identity(&self) -> &ThreadIdentity {
        let unknown = || ThreadIdentity { ordinal: 0, os_id: 0, name: String::new() };
        self.identity.get_or_init(|| self.stream.as_ref().map_or_else(unknown, |stream| stream.thread.identity()))
    }
}

/// The recorded entries of a session, by thread.
#[derive(Default)]
pub struct Log {
    /// One log for each thread that recorded or lost something.
    pub threads: Vec<ThreadLog>,
    /// Losses that no thread of the list counts.
    pub losses: Losses,
    /// Number of ranges without room, of threads that are not in the list.
    pub lost_elsewhere: u64,
    /// Counts of the overwritten entries of threads that are not in the list.
    pub gone: Carry,
    /// Ticks after which no entry was overwritten; 0 if none was.
    pub horizon: u64,
}

/// Creates a stream for the calling thread; `None` if there is no memory for one.
pub(crate) fn new_stream() -> Option<Shared<Stream>> {
    register(StreamOwner::this_thread)
}

/// Number of shared streams, for the allocations of threads without a stream of their own.
const SHARED: usize = 16;

/// Calls `write` with a shared stream, if there is memory for one. `address` lies in the calling
/// thread's own memory and distributes the threads over the streams.
pub(crate) fn with_shared_stream<R>(address: usize, write: impl FnOnce(&Stream) -> R) -> Option<R> {
    static STREAMS: PerProcess<[Mutex<Option<Shared<Stream>>>; SHARED]> =
        PerProcess::new(|_| [const { Mutex::new(None) }; SHARED]);
    // The thread-locals of different threads are pages apart.
    let shared = &STREAMS[(address >> 12) % SHARED];
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    if shared.is_none() {
        *shared = register(StreamOwner::shared);
    }
    shared.as_deref().map(write)
}

fn next_ordinal() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    // ORDERING: only uniqueness matters.
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Adds a stream to the list; `owner` creates its owner from a new ordinal. Returns `None` if there
/// is no memory.
fn register(owner: impl FnOnce(u32) -> StreamOwner) -> Option<Shared<Stream>> {
    let room = Allocation::new()?;
    // Reserved before the ordinal is taken, because an ordinal is used only once.
    streams(|all| all.try_reserve(1)).ok()?;
    let stream = room.fill(Stream::new(owner(next_ordinal())));
    let ordinal = stream.thread.ordinal;
    streams(|all| {
        // Another thread may have used the reserved memory.
        all.try_reserve(1).ok()?;
        // Usually at the end.
        let index = all.partition_point(|other| other.thread.ordinal < ordinal);
        all.insert(index, stream.clone());
        Some(())
    })?;
    store::announce_thread(&stream.thread);
    Some(stream)
}

/// Removes the stream of a thread that has ended, unless a session still needs its entries.
pub(crate) fn remove(stream: &Shared<Stream>) {
    let ordinal = stream.thread.ordinal;
    let gone = streams(|all| {
        let index = all.binary_search_by_key(&ordinal, |other| other.thread.ordinal).ok()?;
        all[index].is_over().then(|| all.remove(index))
    });
    drop(gone);
}

fn streams<R>(f: impl FnOnce(&mut Vec<Shared<Stream>>) -> R) -> R {
    f(&mut STREAMS.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Marks {
    /// Reads the current marks.
    pub fn now() -> Self {
        let _own = ledger::own();
        streams(|all| Self::read(all))
    }

    fn read(all: &[Shared<Stream>]) -> Self {
        let of = |stream: &Shared<Stream>| Mark {
            ordinal: stream.thread.ordinal,
            position: stream.length(),
            lost: stream.losses(),
        };
        let mut threads = Vec::with_capacity(all.len());
        threads.extend(prefetch::iter(all).map(of));
        Self { threads, ..Self::counters() }
    }

    fn counters() -> Self {
        Self { threads: Vec::new(), losses: Losses::now() }
    }

    /// Returns each thread's ordinal and position.
    pub fn positions(&self) -> Vec<(u32, u64)> {
        self.threads.iter().map(|mark| (mark.ordinal, mark.position)).collect()
    }

    /// Returns a lookup of a thread's position and losses. It must be called with ordinals in
    /// ascending order.
    fn in_order(&self) -> impl FnMut(u32) -> (u64, u64) + '_ {
        let mut rest = self.threads.iter().peekable();
        move |ordinal| {
            while rest.next_if(|mark| mark.ordinal < ordinal).is_some() {}
            rest.next_if(|mark| mark.ordinal == ordinal).map_or((0, 0), |mark| (mark.position, mark.lost))
        }
    }
}

impl ThreadLog {
    /// Returns the carried-over entries and then the recorded ones, in pages. Memory mapped from a
    /// file is released once it has been read.
    pub fn pages(&self) -> impl Iterator<Item = &[Entry]> {
        std::iter::once(self.carried()).chain(Pages { runs: self.runs.iter(), last: None })
    }

    /// Returns the entries carried over from discarded ones.
    pub fn carried(&self) -> &[Entry] {
        self.carry.as_deref().map_or(&[], Carry::entries)
    }

    /// Returns the entries of [`pages`](Self::pages), one by one.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.pages().flatten()
    }
}

/// Iterator over the entries of segments, which releases each segment when the next one is read.
pub struct Pages<'a> {
    pub runs: std::slice::Iter<'a, Run>,
    last: Option<&'a Run>,
}

impl<'a> Pages<'a> {
    /// Creates an iterator over these runs.
    pub fn new(runs: &'a [Run]) -> Self {
        Self { runs: runs.iter(), last: None }
    }
}

impl<'a> Iterator for Pages<'a> {
    type Item = &'a [Entry];

    #[inline]
    fn next(&mut self) -> Option<&'a [Entry]> {
        if let Some(last) = self.last.take() {
            last.release();
        }
        self.last = self.runs.next();
        self.last.map(Run::entries)
    }
}

impl Log {
    fn new(threads: Vec<ThreadLog>, from: &Marks, to: &Marks, gone: ring::Gone, horizon: u64) -> Self {
        let losses = to.losses.since(from.losses);
        Self { threads, losses, lost_elsewhere: gone.lost, gone: gone.carry, horizon }
    }

    /// Discards the entries before `ticks`, except for those of ranges that were open then.
    pub fn cut(&mut self, ticks: u64) {
        for thread in &mut self.threads {
            let mut first_kept = thread.runs.len();
            let carry = thread.carry.get_or_insert_default();
            for (index, run) in thread.runs.iter_mut().enumerate() {
                let count = carry.absorb_until(run.entries(), ticks);
                let all = count == run.entries().len();
                run.skip(count);
                if !all {
                    first_kept = index;
                    break;
                }
                run.release();
            }
            drop(thread.runs.remove_first(first_kept));
        }
    }

    /// Returns the counts of overwritten and cut-off entries, over all threads.
    pub fn left_out(&self) -> Carry {
        let mut all = self.gone.clone();
        for carry in self.threads.iter().filter_map(|thread| thread.carry.as_deref()) {
            // This is the reader's memory: if there is none, the process aborts.
            all.changes.reserve(carry.changes.len());
            all.add_counts(carry);
        }
        all
    }
}

/// Returns a thread's log, if it recorded, lost or overwrote something.
fn thread_log(stream: &Shared<Stream>, runs: Runs, carry: Option<Box<Carry>>, lost: u64) -> Option<ThreadLog> {
    let has_content = !runs.is_empty() || lost > 0 || carry.as_ref().is_some_and(|carry| carry.last > 0);
    has_content.then(|| ThreadLog { thread: Named::from_stream(stream), runs, carry, lost })
}

/// Returns the entries recorded between two sets of marks, without copying them.
pub fn collect(from: &Marks, to: &Marks) -> Log {
    let _own = ledger::own();
    let (mut begins, mut ends) = (from.in_order(), to.in_order());
    let mut threads = Vec::new();
    let (horizon, gone) = streams(|all| {
        threads.extend(prefetch::iter(all).filter_map(|stream| {
            let ordinal = stream.thread.ordinal;
            let ((from, lost_before), (to, lost)) = (begins(ordinal), ends(ordinal));
            let (runs, carry) = stream.runs(from, to);
            thread_log(stream, runs, carry, lost.saturating_sub(lost_before))
        }));
        // Every stream is either in the list or counted as gone, because `ring::overwrite` runs
        // under this lock.
        (ring::horizon(), ring::gone())
    });
    Log::new(threads, from, to, gone, horizon)
}

/// Takes the entries recorded since the marks, as [`collect`] and [`forget`] would. Visits each
/// stream only once, because there may be tens of thousands.
pub fn take(from: &Marks) -> Log {
    let _own = ledger::own();
    let mut begins = from.in_order();
    let (threads, gone, horizon, over) = streams(|all| {
        let mut threads = Vec::with_capacity(all.len());
        let mut over = Vec::new();
        for stream in prefetch::iter(all) {
            let ordinal = stream.thread.ordinal;
            let Taken { runs, carry, lost, is_over } = stream.take(begins(ordinal).0);
            threads.extend(thread_log(stream, runs, carry, lost));
            over.extend(is_over.then_some(ordinal));
        }
        let (horizon, gone) = (ring::horizon(), ring::gone());
        ring::forget();
        (threads, gone, horizon, remove_all(all, &over))
    });
    drop(over);
    Log::new(threads, from, &Marks::counters(), gone, horizon)
}

/// Removes the streams with these ordinals, which are in ascending order.
fn remove_all(all: &mut Vec<Shared<Stream>>, ordinals: &[u32]) -> Vec<Shared<Stream>> {
    if ordinals.is_empty() {
        return Vec::new();
    }
    let over = all.extract_if(.., |stream| ordinals.binary_search(&stream.thread.ordinal).is_ok()).collect();
    shrink(all);
    over
}

/// Shrinks the list if most streams are gone.
fn shrink(all: &mut Vec<Shared<Stream>>) {
    if all.capacity() > 4 * (all.len() + EXPECTED_THREADS) {
        all.shrink_to(all.len() + EXPECTED_THREADS);
    }
}

/// Returns the number of ranges lost since the marks. Allocates nothing, because a spool's thread
/// calls it every second.
pub fn lost_since(from: &Marks) -> u64 {
    let _own = ledger::own();
    let mut begins = from.in_order();
    let lost = |stream: &Shared<Stream>| stream.losses().saturating_sub(begins(stream.thread.ordinal).1);
    let of_threads = streams(|all| all.iter().map(lost).sum::<u64>() + ring::lost());
    of_threads + Losses::now().since(from.losses).ranges()
}

/// Makes room by overwriting the oldest chunks; returns false if there is nothing to overwrite.
pub(crate) fn make_room() -> bool {
    streams(ring::overwrite)
}

/// Installs a store, from which chunks are allocated from now on.
pub fn record_into(store: &Arc<dyn Store>) {
    store::install(store, identities);
}

/// Returns the identity of every thread that has a stream.
fn identities() -> Vec<ThreadIdentity> {
    streams(|all| all.iter().map(|stream| stream.thread.identity()).collect())
}

/// Returns whether any thread is still writing into a chunk from a former source of chunks.
pub fn is_one_behind() -> bool {
    streams(|all| all.iter().any(|stream| !stream.is_shared() && stream.is_behind()))
}

/// Begins a recording: frees everything recorded before and returns the marks, atomically, even
/// while threads record and overwrite each other's entries.
pub fn begin() -> Marks {
    let _own = ledger::own();
    let (marks, gone) = streams(|all| {
        ring::forget();
        let mut threads = Vec::with_capacity(all.len());
        let mut over = Vec::new();
        for stream in prefetch::iter(all) {
            let ordinal = stream.thread.ordinal;
            let (position, lost) = stream.forget_all();
            threads.push(Mark { ordinal, position, lost });
            over.extend(stream.is_over().then_some(ordinal));
        }
        let gone = remove_all(all, &over);
        // Reserved so that the first ranges of new threads do not have to grow the list.
        all.reserve(EXPECTED_THREADS);
        (Marks { threads, ..Marks::counters() }, gone)
    });
    drop(gone);
    marks
}

/// Frees the entries recorded before the marks, and the streams of ended threads. A [`Log`] keeps
/// its own entries alive.
pub fn forget(before: &Marks) {
    let _own = ledger::own();
    let mut begins = before.in_order();
    let gone = streams(|all| {
        ring::forget();
        for stream in prefetch::iter(all) {
            let (position, lost) = begins(stream.thread.ordinal);
            stream.forget(position, lost);
        }
        let gone: Vec<_> = all.extract_if(.., |stream| stream.is_over()).collect();
        shrink(all);
        gone
    });
    drop(gone);
}

/// Returns the bytes that the recordings of this process occupy now.
pub fn bytes_in_use() -> usize {
    chunk::bytes_in_use()
}
