//! Every thread's stream, and the positions that cut a session out of them.
//!
//! Streams belong to this registry, not to thread-locals: a stop reads the streams of blocked
//! threads, and of threads that have ended.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::carry_over::Carry;
use super::entry::Entry;
use super::losses::Losses;
use super::owner::Writer;
pub use super::owner::{ThreadIdentity, os_thread_id};
use super::segment::Run;
use super::shared::{Room, Shared};
use super::store::Store;
use super::thread_stream::Runs;
use super::thread_stream::{Stream, Taken};
use super::{ahead, chunk, ring, store};
use crate::ledger;
use crate::process::PerProcess;

/// All streams, in order of their threads' numbers.
static STREAMS: PerProcess<Mutex<Vec<Shared<Stream>>>> = PerProcess::new(|_| Mutex::default());
/// Number of threads that may begin to record in a session before the list of streams grows.
const EXPECTED_THREADS: usize = 256;

/// Position of every stream at one moment.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// Marks in order of the threads' numbers.
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
    /// Remains of the entries before them, if there were any: decoded first.
    pub carry: Option<Box<Carry>>,
    /// Ranges for which there was no room.
    pub lost: u64,
}

/// A thread whose name is read when it is needed: the system takes a while, and a stop has
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
    fn of(stream: &Shared<Stream>) -> Self {
        Self { stream: Some(stream.clone()), identity: OnceLock::new() }
    }

    /// Returns the thread's identity, with the name that it has now, or had when it ended.
    pub fn identity(&self) -> &ThreadIdentity {
        let nobody = || ThreadIdentity { ordinal: 0, os_id: 0, name: String::new() };
        self.identity.get_or_init(|| self.stream.as_ref().map_or_else(nobody, |stream| stream.thread.identity()))
    }
}

/// All threads' parts of a session.
#[derive(Default)]
pub struct Log {
    /// One part for each thread that recorded or lost something.
    pub threads: Vec<ThreadLog>,
    /// Losses that no thread of the list counts.
    pub losses: Losses,
    /// Ranges without room, of threads that are not in the list.
    pub lost_elsewhere: u64,
    /// Counts of overwritten entries, of threads that are not in the list.
    pub gone: Carry,
    /// Ticks after which nothing was overwritten; 0 if nothing was.
    pub horizon: u64,
}

/// Creates a stream for the calling thread; `None` if there is no memory for one.
pub(crate) fn new_stream() -> Option<Shared<Stream>> {
    enrol(Writer::this_thread)
}

/// Number of streams for the allocations of threads that have none of their own.
const SHARED: usize = 16;

/// Calls `write` with a stream that threads share, if there is memory for one. `place` is an
/// address in the calling thread's own memory, which spreads the threads over the streams.
pub(crate) fn with_shared_stream<R>(place: usize, write: impl FnOnce(&Stream) -> R) -> Option<R> {
    static STREAMS: PerProcess<[Mutex<Option<Shared<Stream>>>; SHARED]> =
        PerProcess::new(|_| [const { Mutex::new(None) }; SHARED]);
    // Threads' own memory is pages apart.
    let shared = &STREAMS[(place >> 12) % SHARED];
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    if shared.is_none() {
        *shared = enrol(Writer::several);
    }
    shared.as_deref().map(write)
}

fn next_ordinal() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    // ORDERING: only uniqueness matters.
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Adds a stream to the list, for a thread that `writer` describes by its number. `None` if there
/// is no memory.
fn enrol(writer: impl FnOnce(u32) -> Writer) -> Option<Shared<Stream>> {
    let room = Room::new()?;
    // Reserved first: a number is used once.
    streams(|all| all.try_reserve(1)).ok()?;
    let stream = room.fill(Stream::new(writer(next_ordinal())));
    let ordinal = stream.thread.ordinal;
    streams(|all| {
        // Another thread may have taken the room.
        all.try_reserve(1).ok()?;
        // The usual case: at the end.
        let place = all.partition_point(|other| other.thread.ordinal < ordinal);
        all.insert(place, stream.clone());
        Some(())
    })?;
    store::announce_thread(&stream.thread);
    Some(stream)
}

/// Removes the stream of a thread that has ended, unless it holds something of interest.
pub(crate) fn leave(stream: &Shared<Stream>) {
    let ordinal = stream.thread.ordinal;
    let gone = streams(|all| {
        let place = all.binary_search_by_key(&ordinal, |other| other.thread.ordinal).ok()?;
        all[place].is_over().then(|| all.remove(place))
    });
    drop(gone);
}

fn streams<R>(f: impl FnOnce(&mut Vec<Shared<Stream>>) -> R) -> R {
    f(&mut STREAMS.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Marks {
    /// Reads the marks now.
    pub fn now() -> Self {
        let _own = ledger::own();
        streams(|all| Self::of(all))
    }

    fn of(all: &[Shared<Stream>]) -> Self {
        let of = |stream: &Shared<Stream>| Mark {
            ordinal: stream.thread.ordinal,
            position: stream.length(),
            lost: stream.losses(),
        };
        let mut threads = Vec::with_capacity(all.len());
        threads.extend(ahead::of(all).map(of));
        Self { threads, ..Self::without_threads() }
    }

    fn without_threads() -> Self {
        Self { threads: Vec::new(), losses: Losses::now() }
    }

    /// Returns each thread's number and position.
    pub fn positions(&self) -> Vec<(u32, u64)> {
        self.threads.iter().map(|mark| (mark.ordinal, mark.position)).collect()
    }

    /// Returns a function that gives a thread's position and losses, for numbers in ascending
    /// order.
    fn in_order(&self) -> impl FnMut(u32) -> (u64, u64) + '_ {
        let mut rest = self.threads.iter().peekable();
        move |ordinal| {
            while rest.next_if(|mark| mark.ordinal < ordinal).is_some() {}
            rest.next_if(|mark| mark.ordinal == ordinal).map_or((0, 0), |mark| (mark.position, mark.lost))
        }
    }
}

impl ThreadLog {
    /// Returns the pages of the recorded entries, in order, after the entries carried over from
    /// before them. Memory that stands for a file is released behind the reader.
    pub fn pages(&self) -> impl Iterator<Item = &[Entry]> {
        std::iter::once(self.carried()).chain(Pages { runs: self.runs.iter(), last: None })
    }

    /// Returns the entries carried over from before the recorded ones.
    pub fn carried(&self) -> &[Entry] {
        self.carry.as_deref().map_or(&[], Carry::entries)
    }

    /// Returns the entries of [`pages`](Self::pages), one by one.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.pages().flatten()
    }
}

/// Iterator over runs, which releases each when the next is read.
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
    fn of(threads: Vec<ThreadLog>, from: &Marks, to: &Marks, gone: ring::Gone, horizon: u64) -> Self {
        let losses = to.losses.since(from.losses);
        Self { threads, losses, lost_elsewhere: gone.lost, gone: gone.carry, horizon }
    }

    /// Leaves out the entries before `ticks`, except for the ranges that were open then.
    pub fn cut(&mut self, ticks: u64) {
        for thread in &mut self.threads {
            let mut first_kept = thread.runs.len();
            let carry = thread.carry.get_or_insert_default();
            for (place, run) in thread.runs.iter_mut().enumerate() {
                let count = carry.absorb_until(run.entries(), ticks);
                let all = count == run.entries().len();
                run.skip(count);
                if !all {
                    first_kept = place;
                    break;
                }
                run.release();
            }
            drop(thread.runs.remove_first(first_kept));
        }
    }

    /// Returns the counts of entries that were overwritten or cut off, over all threads.
    pub fn left_out(&self) -> Carry {
        let mut all = self.gone.clone();
        for carry in self.threads.iter().filter_map(|thread| thread.carry.as_deref()) {
            // This is memory of the reader: without it the process ends.
            all.changes.reserve(carry.changes.len());
            all.add_counts(carry);
        }
        all
    }
}

/// Returns a thread's part, if it recorded, lost or overwrote something.
fn part(stream: &Shared<Stream>, runs: Runs, carry: Option<Box<Carry>>, lost: u64) -> Option<ThreadLog> {
    let is_something = !runs.is_empty() || lost > 0 || carry.as_ref().is_some_and(|carry| carry.last > 0);
    is_something.then(|| ThreadLog { thread: Named::of(stream), runs, carry, lost })
}

/// Returns the entries recorded between two marks. Reads in place: copies nothing.
pub fn collect(from: &Marks, to: &Marks) -> Log {
    let _own = ledger::own();
    let (mut begins, mut ends) = (from.in_order(), to.in_order());
    let mut threads = Vec::new();
    let (horizon, gone) = streams(|all| {
        threads.extend(ahead::of(all).filter_map(|stream| {
            let ordinal = stream.thread.ordinal;
            let ((from, lost_before), (to, lost)) = (begins(ordinal), ends(ordinal));
            let (runs, carry) = stream.runs(from, to);
            part(stream, runs, carry, lost.saturating_sub(lost_before))
        }));
        // A stream is either among them or gone: code that overwrites it holds this lock.
        (ring::horizon(), ring::gone())
    });
    Log::of(threads, from, to, gone, horizon)
}

/// Takes the entries recorded since the marks: does the work of [`collect`] up to now and of
/// [`forget`]. Visits each stream once: there may be tens of thousands.
pub fn take(from: &Marks) -> Log {
    let _own = ledger::own();
    let mut begins = from.in_order();
    let (threads, gone, horizon, over) = streams(|all| {
        let mut threads = Vec::with_capacity(all.len());
        let mut over = Vec::new();
        for stream in ahead::of(all) {
            let ordinal = stream.thread.ordinal;
            let Taken { runs, carry, lost, is_over } = stream.take(begins(ordinal).0);
            threads.extend(part(stream, runs, carry, lost));
            over.extend(is_over.then_some(ordinal));
        }
        let (horizon, gone) = (ring::horizon(), ring::gone());
        ring::forget();
        (threads, gone, horizon, leave_all(all, &over))
    });
    drop(over);
    Log::of(threads, from, &Marks::without_threads(), gone, horizon)
}

/// Removes the streams with these numbers, which are in order.
fn leave_all(all: &mut Vec<Shared<Stream>>, ordinals: &[u32]) -> Vec<Shared<Stream>> {
    if ordinals.is_empty() {
        return Vec::new();
    }
    let over = all.extract_if(.., |stream| ordinals.binary_search(&stream.thread.ordinal).is_ok()).collect();
    shrink(all);
    over
}

/// Frees the room of a list from which most streams are gone.
fn shrink(all: &mut Vec<Shared<Stream>>) {
    if all.capacity() > 4 * (all.len() + EXPECTED_THREADS) {
        all.shrink_to(all.len() + EXPECTED_THREADS);
    }
}

/// Returns the number of ranges lost since the marks. Allocates nothing: a spool's thread calls it
/// every second.
pub fn lost_since(from: &Marks) -> u64 {
    let _own = ledger::own();
    let mut begins = from.in_order();
    let lost = |stream: &Shared<Stream>| stream.losses().saturating_sub(begins(stream.thread.ordinal).1);
    let of_threads = streams(|all| all.iter().map(lost).sum::<u64>() + ring::lost());
    of_threads + Losses::now().since(from.losses).ranges()
}

/// Makes room by overwriting chunks; returns false if there is nothing to overwrite.
pub(crate) fn make_room() -> bool {
    streams(ring::overwrite)
}

/// Takes chunks from this store from now on.
pub fn record_into(store: &Arc<dyn Store>) {
    store::install(store, identities);
}

/// Returns the identity of every thread that has a stream.
fn identities() -> Vec<ThreadIdentity> {
    streams(|all| all.iter().map(|stream| stream.thread.identity()).collect())
}

/// Returns whether a thread still writes into a chunk from a former source of chunks.
pub fn is_one_behind() -> bool {
    streams(|all| all.iter().any(|stream| !stream.is_shared() && stream.is_behind()))
}

/// Begins a recording: frees everything recorded before, as [`forget`] does. It all happens at one
/// moment, also where threads record already and overwrite each other's entries.
pub fn begin() -> Marks {
    let _own = ledger::own();
    let (marks, gone) = streams(|all| {
        ring::forget();
        let mut threads = Vec::with_capacity(all.len());
        let mut over = Vec::new();
        for stream in ahead::of(all) {
            let ordinal = stream.thread.ordinal;
            let (position, lost) = stream.forget_all();
            threads.push(Mark { ordinal, position, lost });
            over.extend(stream.is_over().then_some(ordinal));
        }
        let gone = leave_all(all, &over);
        // For threads to come, so that their first ranges do not have to grow the list.
        all.reserve(EXPECTED_THREADS);
        (Marks { threads, ..Marks::without_threads() }, gone)
    });
    drop(gone);
    marks
}

/// Frees the entries recorded before the marks, and the streams of threads that have ended. Readers
/// of a [`Log`] keep the entries that they still read.
pub fn forget(before: &Marks) {
    let _own = ledger::own();
    let mut begins = before.in_order();
    let gone = streams(|all| {
        ring::forget();
        for stream in ahead::of(all) {
            let (position, lost) = begins(stream.thread.ordinal);
            stream.forget(position, lost);
        }
        let gone: Vec<_> = all.extract_if(.., |stream| stream.is_over()).collect();
        shrink(all);
        gone
    });
    drop(gone);
}

/// Returns the bytes that all recordings of this process take now.
pub fn bytes_in_use() -> usize {
    chunk::bytes_in_use()
}
