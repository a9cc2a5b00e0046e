//! Models of the buffer hand-over: every order in which threads can take turns (up to a number of
//! preemptions), and every value that a relaxed load may see.
//!
//! The files under test are the product's own; see `loom_support`. A separate binary, because they
//! are compiled into it with loom's types.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod loom_support;

use std::sync::Mutex;
use std::time::Duration;

use loom::thread;
use loom_support::appender::Writer;
use loom_support::reader::{hold, is_one_behind, marks, read, take};
use loom_support::{chunk, registry, ring, store};

/// Checks every order with at most so many preemptions, for ten seconds at most.
fn model(preemptions: usize, budget: usize, ring: bool, run: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_duration = Some(Duration::from_secs(10));
    builder.check(move || {
        chunk::begin(budget, ring);
        store::begin();
        registry::begin();
        ring::begin();
        run();
        registry::end();
        store::end();
    });
}

#[test]
fn a_reader_sees_a_prefix_of_what_the_owner_writes() {
    model(4, 9, false, || {
        let mut writer = Writer::new(1);
        let reader = thread::spawn(|| {
            let (first, second) = (read()[0], read()[0]);
            assert!(first <= second && second <= 3);
        });
        writer.append_many(3);
        reader.join().unwrap();
        assert_eq!(read(), [3]);
    });
}

#[test]
fn a_chunk_that_is_left_is_read_to_its_end_once() {
    model(4, 9, false, || {
        let mut writer = Writer::new(1);
        let reader = thread::spawn(|| read()[0]);
        writer.append_many(1);
        writer.leave_chunk();
        writer.append_many(2);
        assert!(reader.join().unwrap() <= 3);
        writer.append_many(1);
        assert_eq!(read(), [4]);
    });
}

#[test]
fn what_a_reader_holds_stays_while_the_ring_overwrites_it() {
    model(3, 2, true, || {
        let mut writer = Writer::new(1);
        writer.append_many(3);
        let reader = thread::spawn(|| {
            let held = hold();
            // The owner may do anything now.
            thread::yield_now();
            assert!(held[0].read() >= 3);
        });
        writer.append_many(4);
        reader.join().unwrap();
        assert_eq!((read(), writer.lost), (vec![7], 0));
    });
}

#[test]
fn two_threads_that_overwrite_each_other_count_every_entry() {
    model(3, 3, true, || {
        let other = thread::spawn(|| {
            let mut writer = Writer::new(2);
            writer.append_many(4);
            writer.finish()
        });
        let mut writer = Writer::new(1);
        writer.append_many(5);
        let (made, lost) = other.join().unwrap();
        let kept: u64 = read().iter().sum();
        assert_eq!(kept + ring::gone(), made + writer.made);
        assert_eq!(made + writer.made + lost + writer.lost, 9);
    });
}

#[test]
fn a_thread_that_ends_is_swept_wholly_or_not_at_all() {
    model(4, 1, false, || {
        let thread = thread::spawn(|| {
            let mut writer = Writer::new(1);
            writer.append_many(3);
            writer.finish()
        });
        // A session begins: it may never be asked for the entries that it forgets now.
        let before = Mutex::new((0, 0));
        registry::forget(|stream| {
            let now = marks(stream);
            *before.lock().unwrap() = now;
            now
        });
        let (made, lost) = thread.join().unwrap();
        assert_eq!((made, lost), (2, 1), "one chunk is the budget");
        let before = *before.lock().unwrap();
        let after = registry::each(|stream| marks(stream));
        match after[..] {
            [] => assert_eq!(before, (made, lost), "swept only if nothing came after the marks"),
            [after] => assert_eq!(after, (made, lost)),
            _ => unreachable!(),
        }
        registry::forget(marks);
        assert!(registry::each(|_| ()).is_empty(), "the next sweep takes it");
        assert!(chunk::is_unused());
    });
}

#[test]
fn a_range_that_has_begun_ends_although_the_budget_is_spent() {
    model(4, 1, false, || {
        let mut writer = Writer::new(1);
        writer.append_many(2);
        let other = thread::spawn(|| {
            let mut writer = Writer::new(2);
            writer.append(false);
            writer.append(true);
            writer.finish()
        });
        writer.append(true);
        assert_eq!((writer.made, writer.lost), (3, 0), "an end overdraws");
        let (made, lost) = other.join().unwrap();
        assert_eq!((made, lost), (1, 1));
        assert_eq!(read(), [3, 1]);
    });
}

#[test]
fn what_one_stop_takes_the_next_one_does_not() {
    model(4, 9, false, || {
        let mut writer = Writer::new(1);
        let first = thread::spawn(|| registry::each(|stream| take(stream, 0))[0]);
        writer.append_many(3);
        let first = first.join().unwrap();
        assert!(first <= 3);
        let second = registry::each(|stream| take(stream, first))[0];
        assert_eq!(second, 3, "the rest, from where the first ended");
        assert_eq!(registry::each(|stream| take(stream, 3)), [3], "and nothing twice");
    });
}

/// The end of a thread replaces its last chunk by a smaller copy, while a reader may be at the
/// chunk.
#[test]
fn a_thread_that_ends_is_read_whole_while_its_chunk_is_copied() {
    model(4, 9, false, || {
        let thread = thread::spawn(|| {
            let mut writer = Writer::new(1);
            writer.append_many(3);
            writer.finish()
        });
        let early: Vec<u64> = hold()
            .iter()
            .map(|held| {
                thread::yield_now();
                held.read()
            })
            .collect();
        assert!(early.iter().all(|end| *end <= 3));
        assert_eq!(thread.join().unwrap(), (3, 0));
        assert_eq!(read(), [3]);
        registry::forget(marks);
        assert!(registry::each(|_| ()).is_empty() && chunk::is_unused());
    });
}

/// When chunks come from a spool, a stream that is once not behind never is again: its owner places
/// no chunk that it took before.
#[test]
fn an_owner_that_grows_during_a_move_is_known_or_not_behind() {
    model(4, 9, false, || {
        let mut writer = Writer::new(1);
        let mover = thread::spawn(|| {
            store::switch();
            is_one_behind()
        });
        // Fills only the first chunk: the next one would come from the new place.
        writer.append_many(2);
        let was_behind = mover.join().unwrap();
        assert!(was_behind || !is_one_behind(), "a chunk of the place before was placed after the move");
        writer.move_on();
        writer.append(false);
        assert!(!is_one_behind());
        assert_eq!(read(), [3], "nothing is lost on the way");
    });
}
