//! Many threads, filled on several cores: nothing lost, nothing twice, and the same bytes
//! everywhere.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::Value;

use crate::export::trace::testing::{Disk, equal_threads, mixed_threads};
use crate::model::Trace;

fn written(workers: usize, trace: &Trace) -> Vec<u8> {
    let mut out = Vec::new();
    super::write_with(workers, trace, "trace_rank0.json", &mut out).unwrap();
    out
}

#[test]
fn a_trace_is_the_same_however_many_workers_fill_it() {
    let trace = mixed_threads();
    let alone = written(1, &trace);
    assert!(alone.len() > 2_000_000, "many pages of several threads");
    for workers in [2, 3, 4] {
        assert!(written(workers, &trace) == alone, "{workers} workers");
    }
}

#[test]
fn a_row_is_introduced_before_its_slices_which_keep_their_order() {
    let trace: Value = serde_json::from_slice(&written(4, &mixed_threads())).unwrap();
    let mut last_end = BTreeMap::new();
    for event in trace["traceEvents"].as_array().unwrap() {
        let tid = event["tid"].as_u64();
        if event["name"] == "thread_name" {
            assert_eq!(last_end.insert(tid, 0.0), None, "introduced once");
        } else if event["args"].get("External id").is_some() {
            let end = event["ts"].as_f64().unwrap() + event["dur"].as_f64().unwrap();
            let last = last_end.get_mut(&tid).expect("a row with a name");
            assert!(*last <= end + 1e-3, "{end} after {last} on row {tid:?}");
            *last = end;
        }
    }
    assert_eq!(last_end.len(), 7 + 1, "every thread, and the one's lane");
}

#[test]
fn ten_thousand_threads_have_every_range_once() {
    let trace = equal_threads(10_000);
    let bytes = written(4, &trace);
    // ORDERING: nothing else runs.
    assert_eq!(trace.walked.load(Ordering::Relaxed), 30_000, "progress is told of small threads too");
    assert!(written(1, &trace) == bytes);
    let file: Value = serde_json::from_slice(&bytes).unwrap();
    let mut ids = HashSet::new();
    let mut rows: BTreeMap<u64, u32> = BTreeMap::new();
    for event in file["traceEvents"].as_array().unwrap() {
        if let Some(id) = event["args"].get("External id") {
            assert!(ids.insert(id.as_u64().unwrap()), "{id} is there twice");
            *rows.entry(event["tid"].as_u64().unwrap()).or_default() += 1;
        }
    }
    assert_eq!((ids.len(), ids.iter().max()), (30_000, Some(&30_000)));
    assert!(rows.len() == 10_000 && rows.values().all(|&ranges| ranges == 3));
}

#[test]
fn a_full_disk_is_the_error_and_ends_the_walks() {
    let mut trace = mixed_threads();
    for workers in [1, 4] {
        trace.walked = Arc::default();
        let result = super::write_with(workers, &trace, "trace_rank0.json", &mut Disk(300_000));
        assert_eq!(result.map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull), "{workers} workers");
        let walked = trace.walked.load(Ordering::Relaxed);
        assert!(walked < trace.ranges / 2, "{walked} of {} ranges", trace.ranges);
    }
}
