//! Every thread's stream, and the positions that cut a session out of them.
//!
//! Streams belong to this registry, not to thread-locals: a stop reads the stream of a blocked thread, and of one that
//! has ended.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) use super::buffer::Run;
use super::buffer::Stream;
use super::{chunk, ledger};

static STREAMS: Mutex<Vec<Arc<Stream>>> = Mutex::new(Vec::new());
/// Ranges that a thread tried to record after its thread-locals were gone.
static LATE: AtomicU64 = AtomicU64::new(0);

/// Who wrote a stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
    /// Ranges for which there was no room.
    pub(crate) lost: u64,
}

/// All threads' parts of a session.
pub(crate) struct Log {
    /// One per thread that recorded or lost something.
    pub(crate) threads: Vec<ThreadLog>,
    /// Ranges that threads tried to record while they were ending.
    pub(crate) lost_late: u64,
}

/// A stream for the calling thread.
pub(super) fn new_stream() -> Arc<Stream> {
    let ordinal = next_ordinal();
    let os_id = os_thread_id(ordinal);
    let name = std::thread::current().name().map_or_else(|| format!("thread {os_id}"), str::to_owned);
    enrol(ThreadIdentity { ordinal, os_id, name })
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
    write(shared.get_or_insert_with(|| {
        let name = "allocations of threads without ranges".to_owned();
        enrol(ThreadIdentity { ordinal: next_ordinal(), os_id: 0, name })
    }))
}

fn next_ordinal() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    // ORDERING: only uniqueness matters.
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn enrol(thread: ThreadIdentity) -> Arc<Stream> {
    let stream = Arc::new(Stream::new(thread));
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
        // ORDERING: a statistic.
        let mut marks = Self { late: LATE.load(Ordering::Relaxed), ..Self::default() };
        streams(|all| {
            for stream in all.iter() {
                marks.positions.insert(stream.thread.ordinal, stream.length());
                marks.losses.insert(stream.thread.ordinal, stream.losses());
            }
        });
        marks
    }

    fn position(&self, ordinal: u32) -> u64 {
        self.positions.get(&ordinal).copied().unwrap_or(0)
    }

    fn lost(&self, ordinal: u32) -> u64 {
        self.losses.get(&ordinal).copied().unwrap_or(0)
    }
}

/// What was recorded between two marks. Reads in place: nothing is copied.
pub(crate) fn collect(from: &Marks, to: &Marks) -> Log {
    let _own = ledger::own();
    let mut threads = Vec::new();
    streams(|all| {
        for stream in all.iter() {
            let ordinal = stream.thread.ordinal;
            let runs = stream.runs(from.position(ordinal), to.position(ordinal));
            let lost = to.lost(ordinal).saturating_sub(from.lost(ordinal));
            if !runs.is_empty() || lost > 0 {
                threads.push(ThreadLog { thread: stream.thread.clone(), runs, lost });
            }
        }
    });
    Log { threads, lost_late: to.late.saturating_sub(from.late) }
}

/// Gives back what was recorded before the marks, and the streams of threads that have ended. Readers of a [`Log`] keep
/// what they still read.
pub(crate) fn forget(before: &Marks) {
    let _own = ledger::own();
    let gone: Vec<Arc<Stream>> = streams(|all| {
        for stream in all.iter() {
            stream.forget(before.position(stream.thread.ordinal));
        }
        // ORDERING: pairs with the store when the thread ended.
        let ended = |stream: &Arc<Stream>| {
            stream.finished.load(Ordering::Acquire) && stream.length() <= before.position(stream.thread.ordinal)
        };
        all.extract_if(.., |stream| ended(stream)).collect()
    });
    drop(gone);
}

/// Bytes that all recordings of this process take at the moment.
pub(crate) fn bytes_in_use() -> usize {
    chunk::bytes_in_use()
}
