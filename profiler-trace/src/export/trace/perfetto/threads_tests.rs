//! Many threads, filled on several cores: nothing lost, nothing twice, and the same bytes
//! everywhere.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::atomic::Ordering;

use crate::export::trace::buffer::FULL;
use crate::export::trace::parallel::Stream;
use crate::export::trace::testing::{Disk, equal_threads, mixed_threads};
use crate::model::Trace;
use crate::model::testing::{EPOCH, Script};
use crate::records::gpu::{Api, ApiCall, GpuRecord};
use profiler_core::site::Kind;

use super::reader::read;
use super::tests::{gpu_log, same};
use super::threads::parts;
use super::tracks::Tracks;
use super::writer::Writer;

fn written(workers: usize, trace: &Trace) -> Vec<u8> {
    let mut out = Vec::new();
    super::write_with(workers, trace, &mut out).unwrap();
    out
}

#[test]
fn a_trace_is_the_same_however_many_workers_fill_it() {
    let trace = mixed_threads();
    let alone = written(1, &trace);
    assert!(alone.len() > 5 * FULL, "many pages of several threads");
    for workers in [2, 3, 4] {
        assert!(written(workers, &trace) == alone, "{workers} workers");
    }
    same(&trace);
}

#[test]
fn three_thousand_threads_have_every_range_once() {
    let trace = equal_threads(3_000);
    let bytes = written(4, &trace);
    // ORDERING: nothing else runs.
    assert_eq!(trace.walked.load(Ordering::Relaxed), 9_000, "progress is told of small threads too");
    assert!(written(1, &trace) == bytes);
    let seen = read(&bytes);
    let (mut ids, mut depths) = (HashSet::new(), BTreeMap::<u64, u32>::new());
    for slice in seen.slices.iter().filter(|slice| slice["cat"] != "Trace") {
        let id = slice["args"]["External id"].as_u64().unwrap();
        assert!(ids.insert(id), "{id} is there twice");
        *depths.entry(slice["depth"].as_u64().unwrap()).or_default() += 1;
    }
    assert_eq!((ids.len(), ids.iter().max()), (9_000, Some(&9_000)));
    assert_eq!(Vec::from_iter(depths), [(0, 3_000), (1, 6_000)], "no thread is on the track of another");
    assert_eq!(seen.rows.values().filter(|name| *name == "worker").count(), 3_000);
}

/// A range with thousands of calls before, in and after it, and two threads that only make calls.
fn many_calls() -> Trace {
    let mut script = Script::new();
    let (stage, op) = (script.site(Kind::Stage, "stage"), script.site(Kind::Op, "op"));
    // Pages fill up at about 230,000, 470,000 and 700,000: before the start, before the end, and
    // after both.
    script.begin(stage, 90_000).begin(op, 300_000).end(op, 500_000).end(stage, 600_000).thread("main");
    let mut log = gpu_log();
    for (at, thread) in (0..20_000).zip([4001, 4001, 4001, 98, 99].into_iter().cycle()) {
        let (begin, end) = (EPOCH + 1_000 + at * 40, EPOCH + 1_030 + at * 40);
        let correlation = at as u32 + 10;
        log.calls.push(ApiCall { api: Api::Driver, function: 1, name: 1, begin, end, thread, correlation });
    }
    script.gpu = GpuRecord::Recorded(Box::new(log));
    Trace::build(script.finish())
}

#[test]
fn calls_between_two_edges_do_not_make_a_page_longer() {
    let trace = many_calls();
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    let mut tracks = Tracks::new(&mut writer, &trace);
    let mut lengths = Vec::new();
    for mut part in parts(&mut writer, &mut tracks, &trace) {
        let mut page = Vec::new();
        while part.fill(&mut page) {
            lengths.push(page.len());
            page.clear();
        }
    }
    assert!(lengths.len() > 3, "{lengths:?}");
    assert!(lengths.iter().all(|length| (FULL..FULL + 500).contains(length)), "{lengths:?}");
    assert!(written(1, &trace) == written(4, &trace));
    same(&trace);
}

#[test]
fn a_full_disk_is_the_error_with_and_without_workers() {
    let trace = mixed_threads();
    for workers in [1, 4] {
        let result = super::write_with(workers, &trace, &mut Disk(3 * FULL));
        assert_eq!(result.map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull), "{workers} workers");
    }
}
