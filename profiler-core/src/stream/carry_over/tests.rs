//! Tests of the state that is carried over, for streams split at any point.

use proptest::collection::vec;
use proptest::test_runner::Config as ProptestConfig;
use proptest::{prop_assert_eq, proptest};

use super::*;
use crate::stream::key::Key;

const OUTER: u32 = 1;
const INNER: u32 = 2;

fn entry(tag: Tag, site: u32, value: u64) -> Entry {
    Entry::new(tag, site, value)
}

#[test]
fn open_ranges_are_carried_over_and_ended_ones_counted() {
    let stream = [
        Entry::argument_of(Key::INDEX, 0, OUTER, 7),
        entry(Tag::Begin, OUTER, 10),
        entry(Tag::Begin, INNER, 11),
        entry(Tag::End, INNER, 12),
        Entry::argument_of(Key::FLOPS, 0, INNER, 99),
        entry(Tag::Begin, INNER, 13),
        Entry::argument_of(Key::FLOPS, 0, INNER, 98),
    ];
    let mut carry = Carry::default();
    // The result does not depend on how the stream is split.
    for piece in stream.chunks(3) {
        carry.absorb(piece);
    }
    assert_eq!(carry.entries(), [stream[0], stream[1], stream[4], stream[5], stream[6]]);
    assert_eq!((carry.open.len(), carry.overwritten, carry.last), (2, 1, 13));
    carry.absorb(&[entry(Tag::End, OUTER, 20)]);
    assert_eq!(carry.entries(), [stream[4], stream[5], stream[6]], "a guard outlived the range around it");
    carry.absorb(&[entry(Tag::End, INNER, 21), entry(Tag::End, INNER, 22)]);
    assert_eq!((carry.entries(), carry.overwritten, carry.began_before), (&[stream[6]][..], 3, 1));
}

/// Absorbs `entries` one by one.
fn one_by_one(entries: &[Entry]) -> Carry {
    let mut carry = Carry::default();
    entries.iter().for_each(|entry| carry.take(*entry));
    carry
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 256 }))]

    #[test]
    fn discarding_in_bulk_equals_discarding_one_by_one(
        pieces in vec((vec((0..9_u8, 1..4_u32), 1..12), 1..20_usize), 1..6),
        (cut, back) in (1..40_usize, 1..5_u64),
    ) {
        const TAGS: [Tag; 9] = [
            Tag::Begin, Tag::End, Tag::Begin, Tag::End, Tag::Argument, Tag::More, Tag::Task, Tag::TaskEnd, Tag::Timed,
        ];
        let mut stream = Vec::new();
        for (loop_body, times) in pieces {
            let body = loop_body.into_iter().map(|(tag, site)| (TAGS[usize::from(tag)], site));
            // Repeated, because repetitions take another code path.
            let body: Vec<_> = body.collect();
            stream.extend(body.repeat(times));
        }
        let entry = |(value, (tag, site))| match tag {
            // The third site has guards, some of which end before guards that began later.
            Tag::Begin if site == 3 => Entry::begin_of_guard(site, value),
            Tag::End if site == 3 => Entry::end_of_guard(Entry::guard(site, value - 1 - value % back), value),
            _ => Entry::new(tag, site, value),
        };
        let stream: Vec<_> = (9..).zip(stream).map(entry).collect();
        let mut carry = Carry::default();
        stream.chunks(cut).for_each(|piece| assert_eq!(carry.absorb(piece), piece.len()));
        let slow = one_by_one(&stream);
        prop_assert_eq!(carry.entries(), slow.entries());
        prop_assert_eq!((carry.overwritten, carry.began_before), (slow.overwritten, slow.began_before));
        prop_assert_eq!((carry.open, carry.pending), (slow.open, slow.pending));
    }
}

#[test]
fn a_gpu_link_stays_with_its_range() {
    let stream = [entry(Tag::Begin, OUTER, 1), entry(Tag::Timed, OUTER, 8), entry(Tag::OnStream, OUTER, 9)];
    let inner = [entry(Tag::Begin, INNER, 2), entry(Tag::Timed, INNER, 8), entry(Tag::End, INNER, 3)];
    let mut carry = Carry::default();
    carry.absorb(&[&stream[..], &inner].concat());
    assert_eq!((carry.entries(), carry.pending), (&stream[..], 3));
}

#[test]
fn a_cut_keeps_the_description_of_the_first_kept_range() {
    let stream = [
        entry(Tag::Begin, OUTER, 10),
        entry(Tag::End, OUTER, 11),
        Entry::argument_of(Key::INDEX, 0, INNER, 3),
        entry(Tag::Begin, INNER, 12),
    ];
    let mut carry = Carry::default();
    assert_eq!(carry.absorb_until(&stream, 12), 3);
    assert_eq!(carry.entries(), [stream[2]]);
}

#[test]
fn discarded_allocations_change_the_initial_memory_level() {
    let pair = |action: Action, bytes| {
        [entry(Tag::Memory, 3, 5).with_argument(action as u32), Entry::pair(Tag::Block, 0xABC, bytes)]
    };
    let mut carry = Carry::default();
    carry.absorb(&[pair(Action::Alloc, 100), pair(Action::Free, 30)].concat());
    assert_eq!((carry.changes.as_slice(), carry.allocations), (&[(3, 70)][..], 2));
    assert!(carry.entries().is_empty());
}

#[test]
fn ends_without_a_begin_become_ranges_that_were_open() {
    let kept =
        [entry(Tag::End, INNER, 5), entry(Tag::Begin, INNER, 6), entry(Tag::End, INNER, 7), entry(Tag::End, OUTER, 8)];
    let carry = Carry::of_orphans(kept.iter(), 4);
    assert_eq!(carry.entries(), [entry(Tag::Begin, OUTER, 4), entry(Tag::Begin, INNER, 4)]);
}

/// A1: the ring overwrites the begin of a guard while another guard of its site is open.
#[test]
fn the_guard_that_ended_is_removed_not_another_of_its_site() {
    let begin = |ticks| Entry::begin_of_guard(OUTER, ticks);
    let end = |of| Entry::end_of_guard(Entry::guard(OUTER, of), 90);
    let mut carry = Carry::default();
    carry.absorb(&[begin(10), begin(20), end(10)]);
    assert_eq!((carry.entries(), carry.overwritten), (&[begin(20)][..], 1));
    carry.absorb(&[begin(30), end(30), end(20)]);
    assert_eq!((carry.entries().len(), carry.overwritten, carry.began_before), (0, 3, 0));
}

/// A1: a recovered ring has ends of guards whose begins are gone, and later guards of the same
/// site.
#[test]
fn an_orphans_begin_is_one_that_its_end_names() {
    let (begin, end) = (Entry::begin_of_guard(OUTER, 60), |of| Entry::end_of_guard(Entry::guard(OUTER, of), 90));
    let kept = [begin, end(7), end(60), end(9)];
    let carry = Carry::of_orphans(kept.iter(), 50);
    assert_eq!(carry.entries(), [entry(Tag::Begin, OUTER, 9), entry(Tag::Begin, OUTER, 7)]);
}
