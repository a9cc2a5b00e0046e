//! Many threads, filled on several cores: nothing lost, nothing twice, and the same bytes everywhere.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::Value;

use crate::model::Trace;
use crate::model::testing::Script;
use crate::record::Kind;
use crate::record::entry::Tag;
use crate::record::registry::{Carry, ThreadIdentity, ThreadLog};

fn written(workers: usize, trace: &Trace) -> Vec<u8> {
    let mut out = Vec::new();
    super::write_with(workers, trace, "trace_rank0.json", &mut out).unwrap();
    out
}

/// Seven threads: without a range, with pages of them, with lanes, with texts and with steps that have names of their own.
fn all_sorts() -> Trace {
    let mut script = Script::new();
    let (stage, other) = (script.site(Kind::Stage, "stage"), script.site(Kind::Stage, "a much longer name"));
    let step = script.site(Kind::Step, "step");
    script.context.step_site = Some(step);
    for (thread, ranges) in [3_000, 0, 1, 2_500, 1_200, 7, 4_000].into_iter().enumerate() {
        for at in (0..ranges).map(|each| each * 20) {
            match thread {
                3 => script.begin(stage, at).begin(other, at + 5).end(stage, at + 10).end(other, at + 15),
                4 => script.entry(Tag::Index, 0, step, at).begin(step, at).end(step, at + 10),
                _ => script.begin(other, at).begin(stage, at + 1).end(stage, at + 2).end(other, at + 9),
            };
        }
        script.thread(&format!("thread {thread}"));
    }
    Trace::build(script.finish())
}

#[test]
fn a_trace_is_the_same_however_many_workers_fill_it() {
    let trace = all_sorts();
    let alone = written(1, &trace);
    assert!(alone.len() > 2_000_000, "many pages of several threads");
    for workers in [2, 3, 4] {
        assert!(written(workers, &trace) == alone, "{workers} workers");
    }
}

#[test]
fn a_row_is_introduced_before_its_slices_which_keep_their_order() {
    let trace: Value = serde_json::from_slice(&written(4, &all_sorts())).unwrap();
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

/// So many threads with the same three ranges each.
fn crowd(threads: u32) -> Trace {
    let mut script = Script::new();
    let (outer, inner) = (script.site(Kind::Stage, "outer"), script.site(Kind::Op, "inner"));
    script.begin(outer, 10).begin(inner, 20).end(inner, 30).begin(inner, 40).end(inner, 50).end(outer, 60);
    script.thread("worker");
    let mut recording = script.finish();
    let runs = recording.log.threads[0].runs.clone();
    recording.log.threads.extend((2..=threads).map(|ordinal| {
        let thread = ThreadIdentity { ordinal, os_id: 4000 + u64::from(ordinal), name: "worker".to_owned() };
        ThreadLog { thread, runs: runs.clone(), carry: Carry::default(), lost: 0 }
    }));
    Trace::build(recording)
}

#[test]
fn ten_thousand_threads_have_every_range_once() {
    let trace = crowd(10_000);
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

/// Full after so many bytes.
struct Disk(usize);

impl io::Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_the_error_and_ends_the_walks() {
    let mut trace = all_sorts();
    for workers in [1, 4] {
        trace.walked = Arc::default();
        let result = super::write_with(workers, &trace, "trace_rank0.json", &mut Disk(300_000));
        assert_eq!(result.map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull), "{workers} workers");
        let walked = trace.walked.load(Ordering::Relaxed);
        assert!(walked < trace.ranges / 2, "{walked} of {} ranges", trace.ranges);
    }
}
