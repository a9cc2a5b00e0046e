//! Every thread's stream, and the positions that cut a session out of them.
//!
//! Streams belong to this registry, not to thread-locals: a stop reads the stream of a blocked thread, and of one that
//! has ended.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

pub(super) mod overwrite;

pub(crate) use super::carry::Carry;
use super::entry::Entry;
pub(crate) use super::run::Run;
use super::spool::running;
use super::stream::Stream;
pub(super) use super::writer::Writer;
use super::{chunk, ledger};

static STREAMS: Mutex<Vec<Arc<Stream>>> = Mutex::new(Vec::new());
/// Threads that may begin to record in a session before the list of streams grows.
const EXPECTED_THREADS: usize = 256;
/// Ranges that a thread tried to record after its thread-locals were gone.
static LATE: AtomicU64 = AtomicU64::new(0);

/// Who wrote a stream.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct ThreadIdentity {
    /// Number in this process, from 1, in order of first use; never given twice.
    pub(crate) ordinal: u32,
    /// The operating system's thread id; 0 for a stream that threads share.
    pub(crate) os_id: u64,
    /// The thread's name, or `thread <id>`.
    pub(crate) name: String,
}

/// How far every stream had come at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    positions: HashMap<u32, u64>,
    losses: HashMap<u32, u64>,
    late: u64,
}

/// One thread's part of a session.
pub(crate) struct ThreadLog {
    /// Whose it is.
    pub(crate) thread: ThreadIdentity,
    /// Its entries.
    pub(crate) runs: Vec<Run>,
    /// What is left of the entries before them: decoded first.
    pub(crate) carry: Carry,
    /// Ranges for which there was no room.
    pub(crate) lost: u64,
}

/// All threads' parts of a session.
#[derive(Default)]
pub(crate) struct Log {
    /// One per thread that recorded or lost something.
    pub(crate) threads: Vec<ThreadLog>,
    /// Ranges that threads tried to record while they were ending.
    pub(crate) lost_late: u64,
    /// Ranges of threads that are not among them, for which there was no room.
    pub(crate) lost_elsewhere: u64,
    /// Counts of what was overwritten of threads that are not among them.
    pub(crate) gone: Carry,
    /// Ticks from which on nothing was overwritten; 0 if nothing was.
    pub(crate) horizon: u64,
}

/// A stream for the calling thread.
pub(super) fn new_stream() -> Arc<Stream> {
    enrol(Writer::this_thread(next_ordinal()))
}

/// The operating system's id of the calling thread; `ordinal` where it has none that we know.
#[cfg(target_os = "linux")]
pub(crate) fn os_thread_id(_ordinal: u32) -> u64 {
    // SAFETY: `gettid` has no arguments and cannot fail.
    // CAST: thread ids are positive.
    unsafe { libc::syscall(libc::SYS_gettid) as u64 }
}

/// The operating system's id of the calling thread; `ordinal` where it has none that we know.
#[cfg(not(target_os = "linux"))]
pub(crate) fn os_thread_id(ordinal: u32) -> u64 {
    u64::from(ordinal)
}

/// Streams for the allocations of threads that have none of their own.
const SHARED: usize = 16;

/// Gives `write` a stream that threads share. `place`: an address of the calling thread's own, which spreads the
/// threads over them.
pub(super) fn with_shared_stream<R>(place: usize, write: impl FnOnce(&Stream) -> R) -> R {
    static STREAMS: [Mutex<Option<Arc<Stream>>>; SHARED] = [const { Mutex::new(None) }; SHARED];
    // Threads' own memory lies pages apart.
    let shared = &STREAMS[(place >> 12) % SHARED];
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    write(shared.get_or_insert_with(|| enrol(Writer::several(next_ordinal()))))
}

fn next_ordinal() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    // ORDERING: only uniqueness matters.
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn enrol(thread: Writer) -> Arc<Stream> {
    let stream = Arc::new(Stream::new(thread));
    running::note_thread(&stream.thread);
    streams(|all| all.push(Arc::clone(&stream)));
    stream
}

pub(super) fn count_late_loss() {
    // ORDERING: a statistic.
    LATE.fetch_add(1, Ordering::Relaxed);
}

fn streams<R>(f: impl FnOnce(&mut Vec<Arc<Stream>>) -> R) -> R {
    f(&mut STREAMS.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Marks {
    /// Now.
    pub(crate) fn now() -> Self {
        let _own = ledger::own();
        streams(|all| Self::of(all))
    }

    fn of(all: &[Arc<Stream>]) -> Self {
        // ORDERING: a statistic.
        let mut marks = Self { late: LATE.load(Ordering::Relaxed), ..Self::default() };
        for stream in all {
            marks.positions.insert(stream.thread.ordinal, stream.length());
            marks.losses.insert(stream.thread.ordinal, stream.losses());
        }
        marks
    }

    /// By number of the thread.
    pub(super) fn positions(&self) -> Vec<(u32, u64)> {
        self.positions.iter().map(|(ordinal, position)| (*ordinal, *position)).collect()
    }

    fn position(&self, ordinal: u32) -> u64 {
        self.positions.get(&ordinal).copied().unwrap_or(0)
    }

    fn lost(&self, ordinal: u32) -> u64 {
        self.losses.get(&ordinal).copied().unwrap_or(0)
    }
}

impl ThreadLog {
    /// What was recorded, in order, and what has to be known of the entries before. Memory that stands for a file is
    /// given back behind the reader.
    pub(crate) fn pages(&self) -> impl Iterator<Item = &[Entry]> {
        std::iter::once(self.carry.entries()).chain(Pages { runs: self.runs.iter(), last: None })
    }

    /// [`pages`](Self::pages), one by one.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.pages().flatten()
    }
}

/// Runs, each let go of when the next is read.
pub(crate) struct Pages<'a> {
    runs: std::slice::Iter<'a, Run>,
    last: Option<&'a Run>,
}

impl<'a> Pages<'a> {
    /// Of these runs.
    pub(crate) fn new(runs: &'a [Run]) -> Self {
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
    /// Leaves out what was recorded before `ticks`, but for the ranges that were open then.
    pub(crate) fn cut(&mut self, ticks: u64) {
        for thread in &mut self.threads {
            let mut first_kept = thread.runs.len();
            for (place, run) in thread.runs.iter_mut().enumerate() {
                let count = thread.carry.absorb_until(run.entries(), ticks);
                let all = count == run.entries().len();
                run.skip(count);
                if !all {
                    first_kept = place;
                    break;
                }
                run.release();
            }
            thread.runs.drain(..first_kept);
        }
    }

    /// What was overwritten or cut off, over all threads.
    pub(crate) fn left_out(&self) -> Carry {
        let mut all = self.gone.clone();
        self.threads.iter().for_each(|thread| all.add_counts(&thread.carry));
        all
    }
}

/// What was recorded between two marks. Reads in place: nothing is copied.
pub(crate) fn collect(from: &Marks, to: &Marks) -> Log {
    let _own = ledger::own();
    let mut threads = Vec::new();
    let (horizon, gone) = streams(|all| {
        for stream in all.iter() {
            let ordinal = stream.thread.ordinal;
            let (runs, carry) = stream.runs(from.position(ordinal), to.position(ordinal));
            let lost = to.lost(ordinal).saturating_sub(from.lost(ordinal));
            if !runs.is_empty() || lost > 0 || carry.last > 0 {
                threads.push(ThreadLog { thread: stream.thread.identity(), runs, carry, lost });
            }
        }
        // A stream is either among them or gone: what overwrites it holds this lock.
        (overwrite::horizon(), overwrite::gone())
    });
    let lost_late = to.late.saturating_sub(from.late);
    Log { threads, lost_late, lost_elsewhere: gone.lost_since(from), gone: gone.carry, horizon }
}

/// Ranges for which there was no room since the marks.
pub(crate) fn lost_since(from: &Marks) -> u64 {
    let (now, gone) = streams(|all| (Marks::of(all), overwrite::gone()));
    let of_threads = now.losses.iter().map(|(ordinal, lost)| lost.saturating_sub(from.lost(*ordinal)));
    of_threads.sum::<u64>() + now.late.saturating_sub(from.late) + gone.lost_since(from)
}

/// Every thread that has a stream.
pub(super) fn identities() -> Vec<ThreadIdentity> {
    streams(|all| all.iter().map(|stream| stream.thread.identity()).collect())
}

/// Whether a thread writes into a chunk from where chunks do not come from any more.
pub(super) fn is_one_behind() -> bool {
    streams(|all| all.iter().any(|stream| !stream.is_shared() && stream.is_behind()))
}

/// A recording begins: what was recorded before is given back, as by [`forget`]. One moment for all of it, also where
/// threads record already and overwrite each other's entries.
pub(crate) fn begin() -> Marks {
    let _own = ledger::own();
    let (marks, gone) = streams(|all| {
        let marks = Marks::of(all);
        let gone = let_go(all, &marks);
        // For threads to come, so that a first range does not have to.
        all.reserve(EXPECTED_THREADS);
        (marks, gone)
    });
    drop(gone);
    marks
}

/// Gives back what was recorded before the marks, and the streams of threads that have ended. Readers of a [`Log`] keep
/// what they still read.
pub(crate) fn forget(before: &Marks) {
    let _own = ledger::own();
    let gone = streams(|all| let_go(all, before));
    drop(gone);
}

fn let_go(all: &mut Vec<Arc<Stream>>, before: &Marks) -> Vec<Arc<Stream>> {
    overwrite::forget();
    for stream in all.iter() {
        stream.forget(before.position(stream.thread.ordinal));
    }
    let marks = |ordinal| (before.position(ordinal), before.lost(ordinal));
    all.extract_if(.., |stream| stream.is_over(marks(stream.thread.ordinal))).collect()
}

/// Bytes that all recordings of this process take at the moment.
pub(crate) fn bytes_in_use() -> usize {
    chunk::bytes_in_use()
}
