//! Timing report and summary: every request counts, every stage is listed, and omissions are
//! stated.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use profiler_runtime::{ProfilerConfig, profiled_stage, request, stage, start_profile_with, step, stop_profile};
use profiler_tests::{Bench, manifest, stage_paths, timing};
use serde_json::{Value, json};

/// Records a session around `work`, and returns its folder.
fn record(config: ProfilerConfig, work: impl FnOnce()) -> PathBuf {
    start_profile_with(config).unwrap();
    work();
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    stopped.folder().unwrap().to_owned()
}

fn work(name: &str, long: Duration) -> Duration {
    let begin = Instant::now();
    let _stage = stage(name);
    sleep(long);
    begin.elapsed()
}

fn ns(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("`{key}` in {value}"))
}

fn summary(folder: &std::path::Path) -> String {
    fs::read_to_string(folder.join("summary_rank0.md")).unwrap()
}

/// A4: the statistics include the slowest of 25,000 requests, which comes last.
#[test]
fn statistics_are_of_all_requests() {
    let bench = Bench::alone();
    let mut slow = Duration::ZERO;
    let folder = record(bench.config().ring(true), || {
        for number in 0..24_999 {
            let _request = request(&format!("quick-{number}"));
            drop(stage!("work"));
        }
        let begin = Instant::now();
        let last = request("slow");
        work("slow work", Duration::from_millis(60));
        drop(last);
        slow = begin.elapsed();
    });
    let timing = timing(&folder);
    let requests = &timing["requests"];
    assert_eq!(ns(requests, "count"), 25_000);
    let max = ns(requests, "max_ns");
    assert!((60_000_000..=slow.as_nanos() as u64).contains(&max), "{max}");
    assert!(ns(requests, "p50_ns") < 60_000_000 && ns(requests, "p999_ns") <= max, "{requests}");
    let counted: u64 = requests["sketch"]["bins"].as_array().unwrap().iter().map(|bin| bin[1].as_u64().unwrap()).sum();
    assert_eq!(counted + ns(&requests["sketch"], "zeros"), 25_000);

    let kept = requests["kept"].as_array().unwrap();
    assert!((800..=1000).contains(&kept.len()), "{}", kept.len());
    let of = |word: &str| kept.iter().filter(|each| each["kept_as"].as_array().unwrap().contains(&json!(word))).count();
    assert_eq!([of("slowest"), of("newest"), of("sample")], [100, 100, 800]);
    let slowest = kept.last().unwrap();
    assert_eq!((&slowest["request_id"], ns(slowest, "duration_ns")), (&json!("slow"), max));
    let row = &slowest["stages"][0];
    assert_eq!(timing["stages"][ns(row, "stage") as usize]["name"], "slow work");
    assert_eq!(ns(slowest, "duration_ns") - ns(row, "sum_ns"), ns(slowest, "unaccounted_ns"));
    let row = summary(&folder).lines().find(|line| line.starts_with("| 25000 ")).unwrap().to_owned();
    assert!(row.contains(&format!(" {:.3} |", max as f64 / 1e6)), "{row}");
}

/// A11: the table shows stages around the only request, as shares of the session.
#[test]
fn the_table_shows_what_ran_outside_the_request() {
    let bench = Bench::alone();
    let folder = record(bench.config(), || {
        work("before", Duration::from_millis(10));
        {
            let _request = request("only");
            work("inside", Duration::from_millis(10));
        }
        work("after", Duration::from_millis(10));
    });
    let (timing, summary) = (timing(&folder), summary(&folder));
    assert_eq!(stage_paths(&timing), ["before", "inside", "after"]);
    for stage in timing["stages"].as_array().unwrap() {
        let row = summary.lines().find(|line| line.starts_with(&format!("| {} ", stage["name"].as_str().unwrap())));
        let share = ns(stage, "sum_ns") as f64 * 100.0 / ns(&timing, "duration_ns") as f64;
        assert!(row.unwrap().contains(&format!(" {share:.1} % ")), "{share}: {row:?}");
    }
    assert_eq!((&timing["filter"], &timing["requests"]["count"]), (&Value::Null, &json!(1)));
    assert_eq!(timing["requests"]["kept"][0]["stages"].as_array().unwrap().len(), 1);
}

#[profiled_stage("fetch")]
async fn fetch() {
    tokio::task::yield_now().await;
    sleep(Duration::from_millis(15));
    tokio::task::yield_now().await;
}

/// Overlapping lives add up to more than the session: the table says so, and shows their busy time.
#[test]
fn the_table_shows_busy_time_beside_concurrent_lives() {
    let bench = Bench::alone();
    let folder = record(bench.config(), || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { tokio::join!(fetch(), fetch(), fetch(), fetch()) });
    });
    let (timing, summary) = (timing(&folder), summary(&folder));
    let stage = &timing["stages"][0];
    assert_eq!((ns(stage, "lives"), ns(stage, "cancelled"), &stage["concurrent"]), (4, 0, &json!(true)));
    assert!(ns(stage, "busy_ns") >= 60_000_000 && ns(stage, "busy_ns") < ns(stage, "sum_ns"), "{stage}");
    let row = summary.lines().find(|line| line.starts_with("| fetch (async) ")).unwrap();
    let busy = format!(" {:.3} |", ns(stage, "busy_ns") as f64 / 1e6);
    assert!(row.contains(" % (concurrent) |") && row.contains(&busy), "{row}");
    assert!(summary.contains("`self`: in no stage inside it, `busy`: without the waiting of futures."), "{summary}");
    assert!(summary.contains(" ms; ended by a stop.") && summary.contains(" ranges on 1 thread, "), "{summary}");
}

/// E12: the printed table tells waiting from computing, and no bar is longer than the whole.
#[test]
fn the_printed_table_shows_busy_time_too() {
    let bench = Bench::alone();
    start_profile_with(bench.config()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { tokio::join!(fetch(), fetch(), fetch(), fetch()) });
    let manifest = stop_profile().unwrap().wait().unwrap();
    let text = manifest.summary().width(100).to_string();
    let head = text.lines().find(|line| line.starts_with("stage ")).unwrap();
    let titles: Vec<&str> = head.split_whitespace().collect();
    assert_eq!(titles, ["stage", "calls", "total", "self", "busy", "share"], "{text}");
    let row = text.lines().find(|line| line.starts_with("fetch (async) ")).unwrap();
    assert!(row.contains("concurrent ") && row.ends_with("█▶"), "{text}");
    assert!(text.contains("\n(unaccounted) "), "{text}");
}

/// The summary names the slowest iterations, by the user's index where there is one.
#[test]
fn the_summary_names_the_slowest_iterations() {
    let bench = Bench::alone();
    let folder = record(bench.config(), || {
        for index in 40..46_u64 {
            let _indexed = step!("indexed", index);
            sleep(Duration::from_millis(if index == 43 {
                30
            } else if index == 41 {
                20
            } else {
                1
            }));
        }
        (0..3).for_each(|at| {
            let _plain = step!("plain");
            sleep(Duration::from_millis(if at == 1 { 10 } else { 1 }));
        });
    });
    let summary = summary(&folder);
    let steps = summary.split("## Steps").nth(1).unwrap();
    let row = |name: &str| steps.lines().find(|line| line.starts_with(&format!("| {name} "))).unwrap().to_owned();
    let (indexed, plain) = (row("indexed"), row("plain"));
    assert!(indexed.contains("| index 43: ") && indexed.contains(", index 41: "), "{summary}");
    assert!(plain.contains(" #1: ") && plain.matches(": ").count() == 3, "{summary}");
}

/// A17: the report names the selection where it leaves gaps, which are not only called unaccounted.
#[test]
fn a_selection_is_named_where_it_leaves_gaps() {
    let bench = Bench::alone();
    let folder = record(bench.config().stages(["vae.*", "text"]), || {
        work("vae.decode", Duration::from_millis(10));
        work("transformer", Duration::from_millis(30));
    });
    let (timing, summary) = (timing(&folder), summary(&folder));
    assert_eq!(timing["filter"], json!({"stages": ["vae.*", "text"]}));
    assert!(ns(&timing, "unaccounted_ns") >= 30_000_000);
    assert!(summary.contains("Only `vae.*`, `text` and what runs inside were recorded"), "{summary}");
    let said = r#"- only ["vae.*", "text"] and what runs inside were recorded, as `stages` asks"#;
    assert!(summary.contains("## Notes") && summary.contains(said), "{summary}");
    assert!(summary.contains("| (not selected or unaccounted) |"), "{summary}");
}

/// C1: recursion takes one record per level up to a limit, and only a counter beyond.
#[test]
fn deep_recursion_takes_little_room_in_the_report() {
    let bench = Bench::alone();
    let folder = record(bench.config().max_buffer_mb(64), || {
        let mut open: Vec<_> = (0..100_000).map(|_| stage!("deep")).collect();
        while open.pop().is_some() {}
    });
    let bytes = fs::metadata(folder.join("timing_rank0.json")).unwrap().len();
    assert!(bytes < 512 * 1024, "{bytes} bytes");
    let timing = timing(&folder);
    let stages = timing["stages"].as_array().unwrap();
    let deeper = stages.last().unwrap();
    assert_eq!((stages.len(), &deeper["name"]), (513, &json!("(deeper stages)")));
    assert_eq!((ns(deeper, "calls"), ns(deeper, "parent")), (100_000 - 512, 511));
    let own: u64 = stages.iter().map(|stage| ns(stage, "self_ns")).sum();
    assert_eq!(own, ns(&stages[0], "sum_ns"), "own times add up to the whole");
    assert_eq!(ns(&timing, "duration_ns") - own, ns(&timing, "unaccounted_ns"));
}

/// C1: guards that are never dropped end with the session, each inside the one before.
#[test]
fn leaked_guards_take_little_room_in_the_report() {
    let bench = Bench::alone();
    let folder = record(bench.config(), || {
        let leak = || (0..3000).for_each(|_| std::mem::forget(stage!("leaked")));
        std::thread::spawn(leak).join().unwrap();
    });
    let bytes = fs::metadata(folder.join("timing_rank0.json")).unwrap().len();
    assert!(bytes < 512 * 1024, "{bytes} bytes");
    assert_eq!(ns(&timing(&folder)["losses"], "unfinished"), 3000);
}

/// A15: all artifacts tell the same number of iterations.
#[test]
fn iterations_are_one_number() {
    let bench = Bench::alone();
    start_profile_with(bench.config()).unwrap();
    (0..60_u64).for_each(|index| drop(step!("step", index)));
    let profiler_runtime::session::Status::Active(progress) = profiler_runtime::status() else {
        panic!("it is active")
    };
    let stopped = stop_profile().unwrap();
    stopped.wait().unwrap();
    let folder = stopped.folder().unwrap();
    let told = [ns(&timing(folder), "recorded_iterations"), ns(&manifest(folder), "recorded_iterations")];
    assert_eq!((progress.recorded_iterations, stopped.recorded_iterations(), told), (60, 60, [60, 60]));
}

/// A16: threads are listed under their names.
#[test]
fn threads_are_listed_by_name() {
    let bench = Bench::alone();
    let folder = record(bench.config(), || {
        let worker = std::thread::Builder::new().name("my worker".to_owned());
        worker.spawn(|| drop(stage!("elsewhere"))).unwrap().join().unwrap();
    });
    let timing = timing(&folder);
    let threads = timing["threads"].as_array().unwrap();
    let worker = threads.iter().find(|thread| thread["name"] == "my worker").unwrap();
    assert_eq!(ns(worker, "ranges"), 1);
}

/// Quantiles include all calls, even if there are more than the report keeps.
#[test]
fn a_stage_has_the_quantiles_of_all_its_calls() {
    let bench = Bench::alone();
    let folder = record(bench.config(), || {
        (0..5000).for_each(|_| drop(stage!("short")));
        work("short", Duration::from_millis(20));
    });
    let stage = &timing(&folder)["stages"][0];
    assert_eq!((ns(stage, "calls"), ns(stage, "occurrences_left_out")), (5001, 4001));
    let [p50, p999, max] = ["p50_ns", "p999_ns", "max_ns"].map(|key| ns(stage, key));
    assert!(p50 <= p999 && p999 < 20_000_000 && max >= 20_000_000, "{p50} {p999} {max}");
}
