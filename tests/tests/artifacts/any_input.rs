//! Robustness of every reader of foreign bytes. Each gets the kept inputs, parts of them in any
//! order with any damage, and noise.
//!
//! `PROFILER_TESTS_INPUTS` sets the number of generated inputs per reader; `tests/proofs.sh fuzz`
//! searches further.

use std::fs;
use std::path::Path;

use profiler_inputs::{config, coordinator, http, journal, merge, ranges_of_the_usual_spool, recover};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{TestError, TestRunner};

/// Number of generated inputs per reader. The two readers of spools share it, because they recover
/// each input to all artifacts.
const INPUTS: u32 = 5_000;

/// Change of a kept input.
#[derive(Clone, Debug)]
enum Edit {
    /// Replacement of a range by other bytes.
    Put(Index, usize, Vec<u8>),
    /// Replacement of a range by a piece of another kept input.
    Splice(Index, usize, Index, Index, usize),
    /// Second copy of a piece.
    Repeat(Index, usize),
    Cut(Index),
}

/// Returns a reader's kept inputs. A reader whose bytes only select among prepared inputs has none.
fn kept(reader: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(reader);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

fn noise(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..most),
        "[0-9eE+.-]{0,24}".prop_map(String::into_bytes),
        prop::sample::select(
            &["\"", "{", "}", "[", "]", ",", ":", "\n", "\r\n\r\n", "null", "\\u0000", "\u{202e}", "../"][..]
        )
        .prop_map(|token| token.as_bytes().to_vec()),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    let (at, length) = (any::<Index>, 0..40_usize);
    prop_oneof![
        4 => (at(), length.clone(), noise(16)).prop_map(|(at, length, bytes)| Edit::Put(at, length, bytes)),
        3 => (at(), length.clone(), at(), at(), 0..400_usize)
            .prop_map(|(at, length, other, from, most)| Edit::Splice(at, length, other, from, most)),
        1 => (at(), 0..400_usize).prop_map(|(at, length)| Edit::Repeat(at, length)),
        1 => at().prop_map(Edit::Cut),
    ]
}

fn edited(kept: &[Vec<u8>], from: Index, edits: &[Edit]) -> Vec<u8> {
    let mut bytes = from.get(kept).clone();
    for edit in edits {
        let place = |at: &Index| at.index(bytes.len() + 1);
        match edit {
            Edit::Put(at, length, new) => {
                let at = place(at);
                let end = (at + length).min(bytes.len());
                bytes.splice(at..end, new.iter().copied());
            }
            Edit::Splice(at, length, other, from, most) => {
                let other = other.get(kept);
                let from = from.index(other.len() + 1);
                let piece = &other[from..(from + most).min(other.len())];
                let at = place(at);
                let end = (at + length).min(bytes.len());
                bytes.splice(at..end, piece.iter().copied());
            }
            Edit::Repeat(at, length) => {
                let at = place(at);
                let piece = bytes[at..(at + length).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            Edit::Cut(at) => bytes.truncate(place(at)),
        }
    }
    bytes
}

/// Runs a reader on its kept inputs, and then on generated ones.
fn drive(name: &str, read: fn(&[u8]), inputs: u32) {
    let kept = kept(name);
    kept.iter().for_each(|bytes| read(bytes));
    let inputs = std::env::var("PROFILER_TESTS_INPUTS").ok().map_or(inputs, |count| count.parse().unwrap());
    let config = ProptestConfig { cases: inputs, failure_persistence: None, ..ProptestConfig::default() };
    let edits = (any::<Index>(), prop::collection::vec(edit(), 0..6));
    let generated = if kept.is_empty() {
        prop::collection::vec(any::<u8>(), 0..2_000).boxed()
    } else {
        let edited = edits.prop_map(move |(from, edits)| edited(&kept, from, &edits));
        prop_oneof![6 => edited, 1 => noise(600)].boxed()
    };
    let outcome = TestRunner::new(config).run(&generated, |bytes| {
        read(&bytes);
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, bytes)) => panic!("{reason} by b\"{}\"", bytes.escape_ascii()),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

#[test]
fn any_configuration_is_read_or_refused() {
    drive("config", config, INPUTS);
}

#[test]
fn any_request_is_answered_or_cut_off() {
    drive("http", http, INPUTS);
}

#[test]
fn any_worker_is_let_in_or_refused() {
    drive("coordinator", coordinator, INPUTS);
}

#[test]
fn any_traces_are_merged_or_refused() {
    drive("merge", merge, INPUTS);
}

#[test]
fn any_journal_is_recovered_or_refused() {
    drive("journal", journal, INPUTS / 2);
}

#[test]
fn any_spool_is_recovered_or_refused() {
    drive("recover", recover, INPUTS / 2);
}

#[test]
fn inputs_begin_with_a_spool_that_is_right() {
    assert_eq!(ranges_of_the_usual_spool(), 2);
}
