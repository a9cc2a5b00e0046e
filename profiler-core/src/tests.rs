//! Tests of the whole recorder with several threads, small enough for Miri, which checks every
//! access to a chunk.

#![allow(clippy::unwrap_used)]

use std::sync::{Barrier, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::stream::chunk::set_budget;
use crate::stream::entry::{Entry, Tag};
use crate::stream::registry::{self, Log, Marks, ThreadLog};
use crate::stream::{buffer, chunk};

/// Number of ranges that fill slightly more than two chunks. Miri takes minutes for all tests
/// together.
const RANGES: u64 = chunk::ENTRIES as u64 + 100;
const BUDGET: usize = 256 << 20;

/// Locks the budget and the registry, which belong to the process.
fn alone() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Records ranges, the `n`-th with the value `n` in both entries, and returns how many found room.
fn record(site: u32, ranges: u64) -> u64 {
    let one = |number: &u64| {
        let begun = buffer::append(false, || Entry::new(Tag::Begin, site, *number));
        begun && buffer::append(true, || Entry::new(Tag::End, site, *number))
    };
    (1..=ranges).filter(one).count() as u64
}

/// Joins the threads. The end of a scope would not wait for the destructors of their thread-locals,
/// which finish the streams.
fn end<const COUNT: usize>(threads: [thread::JoinHandle<u64>; COUNT]) {
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Checks the entries of the thread that recorded this site: complete ranges in order, then
/// possibly a begin. Returns the number of ends.
fn ranges(log: &Log, site: u32) -> u64 {
    let is_its = |thread: &&ThreadLog| thread.entries().any(|entry| entry.site() == site);
    let Some(thread) = log.threads.iter().find(is_its) else { return 0 };
    let (mut ends, mut last) = (0, 0);
    for entry in thread.entries() {
        if entry.tag() == Some(Tag::End) {
            ends += 1;
            assert_eq!(entry.value(), last, "an end follows its begin");
        } else {
            assert!(entry.value() > last);
        }
        last = entry.value();
    }
    ends
}

#[test]
fn streams_are_read_while_their_threads_write_them() {
    let _lock = alone();
    let from = Marks::now();
    let threads = [1001, 1002].map(|site| thread::spawn(move || record(site, RANGES)));
    let mut last = [0; 2];
    while threads.iter().any(|thread| !thread.is_finished()) {
        let log = registry::collect(&from, &Marks::now());
        let now = [1001, 1002].map(|site| ranges(&log, site));
        assert!(last[0] <= now[0] && last[1] <= now[1]);
        last = now;
    }
    end(threads);
    let log = registry::collect(&from, &Marks::now());
    assert_eq!([1001, 1002].map(|site| ranges(&log, site)), [RANGES; 2]);
}

#[test]
fn threads_overwrite_each_others_entries_while_they_are_read() {
    let _lock = alone();
    // Another test of this process may have left a recording thread; this test starts its own.
    let from = registry::begin();
    set_budget(4 * (64 << 10), true);
    let mut held = Vec::new();
    let threads = [1003, 1004].map(|site| thread::spawn(move || record(site, 2 * RANGES)));
    while threads.iter().any(|thread| !thread.is_finished()) {
        if held.len() < 3 {
            held.push(registry::collect(&from, &Marks::now()));
        }
        thread::yield_now();
    }
    end(threads);
    let read = held.iter().map(|log| ranges(log, 1003) + ranges(log, 1004));
    assert!(read.sum::<u64>() <= 3 * 4 * RANGES);
    // Chunks that a reader holds are not overwritten, so drop them all.
    drop(held);
    thread::spawn(|| record(1008, 4 * RANGES)).join().unwrap();
    set_budget(BUDGET, false);
    let log = registry::collect(&from, &Marks::now());
    let shown: u64 = [1003, 1004, 1008].iter().map(|site| ranges(&log, *site)).sum();
    let lost: u64 = log.threads.iter().map(|thread| thread.lost).sum::<u64>() + log.lost_elsewhere;
    let overwritten = log.left_out().overwritten;
    assert_eq!(shown + overwritten + lost, 8 * RANGES);
    assert!(overwritten > 0, "the budget of four chunks is exceeded");
}

#[test]
fn threads_write_to_separate_cache_lines() {
    /// Two cache lines of most processors, which prefetch them in pairs, and one of some.
    const LINES: usize = 128;
    let _lock = alone();
    let ready = Barrier::new(4);
    let addresses: Vec<[usize; 2]> = thread::scope(|scope| {
        let one = |_| {
            scope.spawn(|| {
                assert_eq!(record(1008, 1), 1);
                // No thread ends before all have recorded.
                ready.wait();
                buffer::addresses()
            })
        };
        let threads: Vec<_> = (0..4).map(one).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(addresses.iter().all(|[cursor, _]| cursor % LINES == 0), "a cursor starts a cache line: {addresses:?}");
    let mut lines: Vec<_> = addresses.as_flattened().iter().map(|address| address / LINES).collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), 8, "{addresses:?}");
    let chunks: Vec<_> = addresses.iter().map(|[_, entry]| entry / (4 << 10)).collect();
    assert!(
        chunks.iter().all(|one| chunks.iter().filter(|other| one == *other).count() == 1),
        "each thread has a chunk of its own"
    );
}

#[test]
fn retired_chunks_and_shared_streams_keep_their_entries() {
    let _lock = alone();
    let from = Marks::now();
    let pair = |number| [Entry::new(Tag::Begin, 1005, number), Entry::new(Tag::End, 1005, number)];
    thread::spawn(move || {
        // The thread has no stream yet, so this goes to a shared one.
        assert!(buffer::append_all(|| pair(1)));
        assert_eq!(record(1006, 10), 10);
        buffer::leave_chunk();
        assert!(buffer::append_all(|| [Entry::new(Tag::Begin, 1006, 11), Entry::new(Tag::End, 1006, 11)]));
        buffer::append_slice(&[Entry::new(Tag::Begin, 1006, 12), Entry::new(Tag::End, 1006, 12)]);
    })
    .join()
    .unwrap();
    let log = registry::collect(&from, &Marks::now());
    assert_eq!([1005, 1006].map(|site| ranges(&log, site)), [1, 12]);
}

#[test]
fn a_new_recording_frees_old_entries_but_not_those_being_read() {
    let _lock = alone();
    let from = Marks::now();
    thread::spawn(|| record(1007, RANGES)).join().unwrap();
    let log = registry::collect(&from, &Marks::now());
    let next = registry::begin();
    assert_eq!(ranges(&log, 1007), RANGES);
    assert_eq!(ranges(&registry::collect(&Marks::default(), &next), 1007), 0);
    drop(log);
}
