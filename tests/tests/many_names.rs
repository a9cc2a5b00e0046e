//! More names at run time than are kept apart: merged names are a counted loss, shown wherever
//! losses are.
//!
//! A separate binary, because a process keeps its names: other tests would find no room.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::sync::Mutex;

use profiler_runtime::{op, stage, start_profile_with, stop_profile};
use profiler_tests::{Bench, Trace, manifest, timing};
use serde_json::json;

static LOGGED: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.level() == log::Level::Warn {
            LOGGED.lock().unwrap().push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// B10: merged names are a counted loss with one warning. Names belong to the process, so this is
/// the only test here.
#[test]
fn merged_names_are_a_counted_loss_with_one_warning() {
    log::set_logger(&Logger).unwrap();
    log::set_max_level(log::LevelFilter::Warn);
    let bench = Bench::alone();
    start_profile_with(bench.config()).unwrap();
    for _ in 0..2 {
        for number in 0..6_000 {
            drop(stage(&format!("request {number}")));
        }
    }
    drop(op("request 5999"));
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    let folder = stopped.folder().unwrap();
    let trace = Trace::read(folder);
    let merged = trace.count("(too many dynamic names)") as u64;
    assert_eq!(merged, 2 * (6_000 - 4_096) + 1, "one of a kind more");
    let expected = json!({ "ranges": merged, "names": 6_000 - 4_096 + 1 });
    for report in [&trace.json["profiler"]["losses"], &manifest(folder)["losses"], &timing(folder)["losses"]] {
        assert_eq!((&report["names_merged"], &report["missing"]), (&expected, &json!(0)));
    }
    let sentence = "ranges: 3809, shown as `(too many dynamic names)`: 1905 more than the 4096 that are kept apart";
    let summary = fs::read_to_string(folder.join("summary_rank0.md")).unwrap();
    assert!(summary.contains(sentence), "{summary}");
    let logged = LOGGED.lock().unwrap();
    assert_eq!(logged.iter().filter(|line| line.contains(sentence)).count(), 1, "{logged:?}");
}
