//! Merged traces as a viewer reads them, from traces made by hand: what arrives, where in time, and
//! what is refused.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::export::trace::chrome;
use crate::model::Trace;
use crate::model::testing::{EPOCH, Script};
use profiler_core::site::Kind;

const WEEK_NS: u64 = 7 * 86_400 * 1_000_000_000;

/// A rank with one stage per name, nested, from 100 to 300 ns. Its clocks start at `monotonic` and
/// `unix`.
struct Rank {
    rank: u32,
    host: &'static str,
    boot: &'static str,
    session: &'static str,
    names: Vec<String>,
    monotonic: u64,
    unix: u64,
}

fn rank(rank: u32) -> Rank {
    Rank {
        rank,
        host: "one",
        boot: "boot of one",
        session: "job",
        names: vec!["stage".to_owned()],
        monotonic: 5_000,
        unix: EPOCH,
    }
}

impl Rank {
    fn text(self) -> Vec<u8> {
        let mut script = Script::new();
        let context = &mut script.context;
        (context.rank, context.world_size) = (self.rank, 2);
        (context.host, context.session) = (self.host.to_owned(), self.session.to_owned());
        context.clock.id = Some(self.boot.to_owned());
        let sites: Vec<u32> = self.names.iter().map(|name| script.site(Kind::Stage, name)).collect();
        for &site in &sites {
            script.begin(site, 100);
        }
        for &site in sites.iter().rev() {
            script.end(site, 300);
        }
        script.thread("main");
        let mut recording = script.finish();
        for anchor in [&mut recording.window.process, &mut recording.window.start, &mut recording.window.end] {
            let passed = anchor.unix_ns - EPOCH;
            (anchor.monotonic_ns, anchor.unix_ns) = (self.monotonic + passed, self.unix + passed);
        }
        let mut text = Vec::new();
        chrome::write(&Trace::build(recording), "trace", &mut text).unwrap();
        text
    }

    fn write(self, folder: &TempDir) -> PathBuf {
        let path = folder.path().join(format!("trace_rank{}.json", self.rank));
        fs::write(&path, self.text()).unwrap();
        path
    }
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn events(trace: &Value) -> &Vec<Value> {
    trace["traceEvents"].as_array().unwrap()
}

/// Returns the names and absolute times of the stages, in nanoseconds.
fn stages(trace: &Value) -> Vec<(&str, u64, u64)> {
    let base = trace["baseTimeNanoseconds"].as_u64().unwrap();
    let ns = |micros: &Value| (micros.as_f64().unwrap() * 1000.0).round() as u64;
    let stages = events(trace).iter().filter(|event| event["cat"] == "user_annotation");
    stages.map(|event| (event["name"].as_str().unwrap(), base + ns(&event["ts"]), ns(&event["dur"]))).collect()
}

/// Merges the ranks and reads the result.
fn merged(ranks: impl IntoIterator<Item = Rank>) -> (MergedTrace, Value) {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = ranks.into_iter().map(|rank| rank.write(&folder)).collect();
    let output = folder.path().join("merged.json");
    let merged = merge(&files, &output, &MergeOptions::default()).unwrap();
    let trace = read(&output);
    assert_eq!(merged.events(), events(&trace).len() as u64);
    (merged, trace)
}

#[test]
fn ranks_of_one_host_share_a_clock_whatever_their_real_times() {
    // The second started 40 ns later; the real-time clock was set back by 700 ns in between.
    let second = Rank { monotonic: 5_040, unix: EPOCH + 40 - 700, ..rank(1) };
    let (merged, trace) = merged([second, rank(0)]);
    let of: Vec<_> = merged.ranks.iter().map(|rank| (rank.rank, rank.alignment, rank.offset_ns)).collect();
    assert_eq!(of, [(0, Alignment::Reference, 0), (1, Alignment::SharedClock, 700)]);
    // The script's anchors are 20 ns wide.
    assert_eq!(merged.ranks[1].uncertainty_ns, Some(40));
    let begins: Vec<u64> = stages(&trace).iter().map(|stage| stage.1).collect();
    assert_eq!(begins, [EPOCH + 100, EPOCH + 140]);
    let report = &trace["merged"]["ranks"][1];
    assert_eq!((&report["offset_ns"], &report["uncertainty_ns"]), (&json!(700), &json!(40)));
    assert_eq!(report["head"]["profiler"]["losses"]["missing"], 0, "a rank's own head is kept");
}

#[test]
fn ranks_of_two_hosts_are_placed_by_real_time_with_its_error() {
    let other = || Rank { host: "two", boot: "boot of two", monotonic: 9, unix: EPOCH + 60, ..rank(1) };
    let (merged, trace) = merged([rank(0), other()]);
    let second = &merged.ranks[1];
    assert_eq!((second.alignment, second.offset_ns), (Alignment::RealTime, 0));
    // The kernel's error is 1 ms each, that of reading the clock 20 ns each.
    assert_eq!(second.uncertainty_ns, Some(2_000_040));
    assert_eq!(stages(&trace)[1].1, EPOCH + 160);
}

#[test]
fn a_third_rank_is_placed_by_its_own_hosts_first() {
    let two = |number| Rank { host: "two", boot: "boot of two", ..rank(number) };
    let third = Rank { unix: EPOCH - 500, ..two(2) };
    let (merged, _) = merged([rank(0), two(1), third]);
    let third = &merged.ranks[2];
    assert_eq!((third.alignment, third.offset_ns), (Alignment::SharedClock, 500));
    assert_eq!(third.uncertainty_ns, Some(2_000_080));
}

#[test]
fn ranks_on_both_sides_of_a_weeks_end_stand_side_by_side() {
    let end = EPOCH - EPOCH % WEEK_NS + WEEK_NS;
    let before = Rank { monotonic: 1_000, unix: end - 150, ..rank(0) };
    let after = Rank { monotonic: 1_200, unix: end + 50, ..rank(1) };
    let (_, trace) = merged([before, after]);
    assert_eq!(trace["baseTimeNanoseconds"], end - WEEK_NS);
    assert_eq!(stages(&trace), [("stage", end - 50, 200), ("stage", end + 150, 200)]);
}

#[test]
fn processes_are_named_and_sorted_by_rank_and_ids_stay_apart() {
    let names = vec!["outer".to_owned(), "inner".to_owned()];
    let (_, trace) = merged([rank(1), rank(0)].map(|rank| Rank { names: names.clone(), ..rank }));
    let metadata = |name: &str| -> Vec<(&Value, &Value)> {
        let found = events(&trace).iter().filter(|event| event["name"] == name && event["pid"].is_u64());
        found.map(|event| (&event["pid"], event["args"].as_object().unwrap().values().next().unwrap())).collect()
    };
    let made_up = json!(20_000_000);
    let named: Vec<_> = metadata("process_name").into_iter().map(|(_, name)| name.as_str().unwrap()).collect();
    let of_rank = |rank: u32| ["CPU (program)", "spans", "begin", "end"].map(|what| format!("rank {rank} · {what}"));
    assert_eq!(named, [of_rank(0), of_rank(1)].concat());
    let pids: HashSet<u64> = metadata("process_name").into_iter().map(|(pid, _)| pid.as_u64().unwrap()).collect();
    assert_eq!(pids.len(), 8, "no two processes share a number");
    assert_eq!(metadata("process_labels")[1].1, "rank 1 · CPU · one");
    let sorted = metadata("process_sort_index");
    assert_eq!((sorted[0], sorted[4]), ((&json!(77), &json!(0)), (&made_up, &json!(1000))));
    assert_eq!(metadata("thread_name"), [(&json!(77), &json!("main")), (&made_up, &json!("main"))]);
    let ids: HashSet<u64> = events(&trace).iter().filter_map(|event| event["args"]["External id"].as_u64()).collect();
    assert_eq!(ids.len(), 4);
}

/// Edits a valid second rank and merges it with a valid first one.
fn refused(change: impl FnOnce(&TempDir, PathBuf) -> Vec<PathBuf>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let first = rank(0).write(&folder);
    let mut files = change(&folder, rank(1).write(&folder));
    files.insert(0, first);
    let output = folder.path().join("merged.json");
    let error = merge(&files, &output, &MergeOptions::default()).unwrap_err();
    assert!(!output.exists() && !has_unfinished(folder.path()), "{error} left something behind");
    error.to_string().replace(&*folder.path().to_string_lossy(), "DIR").replace('\\', "/")
}

/// Merges a valid first rank with a second one whose text was changed.
fn with_text(change: impl FnOnce(String) -> String) -> String {
    refused(|_, second| {
        let text = change(fs::read_to_string(&second).unwrap());
        fs::write(&second, text).unwrap();
        vec![second]
    })
}

fn without_clock(text: &str) -> String {
    text.lines().filter(|line| !line.contains("\"clock\": ")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_refused_merge_names_the_file_and_the_remedy() {
    let cut = |text: String| text[..text.len() / 2].to_owned();
    for (said, begins) in [
        (
            with_text(|text| text.replace("\"job\"", "\"other\"")),
            "`DIR/trace_rank1.json` is of session `other`, but `DIR/trace_rank0.json` of `job`: give the",
        ),
        (
            refused(|folder, _| vec![folder.path().join("trace_rank0.json")]),
            "`DIR/trace_rank0.json` and `DIR/trace_rank0.json` are both of rank 0: give each",
        ),
        (with_text(|text| without_clock(&text)), "`DIR/trace_rank1.json` has no clock anchors, "),
        (
            with_text(|_| "{\n\"traceEvents\": [\n]\n}\n".to_owned()),
            "`DIR/trace_rank1.json` has no key `profiler` before its events: give `trace_rank*.json`",
        ),
        (with_text(|_| "PK\u{3}\u{4}".to_owned()), "`DIR/trace_rank1.json` is not laid out as a trace: give"),
        (with_text(cut), "`DIR/trace_rank1.json` is truncated: copy it again, or give only complete ranks"),
        (with_text(|text| text.trim_end_matches("}\n").to_owned()), "`DIR/trace_rank1.json` is truncated"),
        (with_text(|text| text[..300].to_owned()), "`DIR/trace_rank1.json` is truncated"),
        (with_text(|text| text.replace("\"ts\":", "\"at\":")), "line "),
        (refused(|folder, _| vec![folder.path().join("nothing.json")]), "cannot read `DIR/nothing.json`: "),
    ] {
        assert!(said.starts_with(begins), "{said}");
    }
}

#[test]
fn a_compressed_trace_that_is_cut_off_is_refused() {
    let said = refused(|folder, second| {
        let mut packed = Vec::new();
        let mut encoder = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::fast());
        io::Write::write_all(&mut encoder, &fs::read(second).unwrap()).unwrap();
        encoder.finish().unwrap();
        let path = folder.path().join("trace_rank1.json.gz");
        fs::write(&path, &packed[..packed.len() - 20]).unwrap();
        vec![path]
    });
    assert!(said.starts_with("`DIR/trace_rank1.json.gz` is truncated"), "{said}");
}

#[test]
fn force_merges_other_sessions_without_anchors_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let first = rank(0).write(&folder);
    let second = rank(1).write(&folder);
    let text = fs::read_to_string(&second).unwrap();
    fs::write(&second, without_clock(&text.replace("\"job\"", "\"other\""))).unwrap();
    let output = folder.path().join("merged.json");
    let merged = merge(&[first, second.clone()], &output, &MergeOptions::default().force(true)).unwrap();
    assert_eq!((merged.ranks[1].alignment, merged.ranks[1].uncertainty_ns), (Alignment::Unanchored, None));
    assert!(merged.notes[0].contains("session `other`") && merged.notes[1].contains("no clock anchors"));
    assert_eq!(read(&output)["merged"]["notes"].as_array().unwrap().len(), 2);
    let again = merge(&[&output], folder.path().join("again.json"), &MergeOptions::default()).unwrap_err();
    assert!(again.to_string().contains("is already a merged trace"), "{again}");
    let onto = merge(&[&second], &second, &MergeOptions::default()).unwrap_err();
    assert!(matches!(onto, MergeError::OutputIsInput { .. }), "{onto}");
}

#[test]
fn a_folder_gives_all_its_ranks_and_missing_ones_are_named() {
    let folder = tempfile::tempdir().unwrap();
    rank(1).write(&folder);
    fs::write(folder.path().join("manifest_rank1.json"), "{}").unwrap();
    let merged = merge(&[folder.path()], folder.path().join("merged.json.gz"), &MergeOptions::default()).unwrap();
    assert_eq!(merged.notes, ["1 of 2 ranks are not in this file: 0"]);
    let empty = tempfile::tempdir().unwrap();
    let error = merge(&[empty.path()], folder.path().join("x.json"), &MergeOptions::default()).unwrap_err();
    assert!(matches!(error, MergeError::NoTraces { .. }), "{error}");
}

/// D8: the error for a trace in Perfetto's format, or its folder, says how to record a mergeable
/// one.
#[test]
fn a_trace_in_perfettos_format_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trace_rank0.pftrace");
    fs::write(&file, b"\n\x02\x08\x01").unwrap();
    for input in [folder.path(), &file] {
        let error = merge(&[input], folder.path().join("x.json"), &MergeOptions::default()).unwrap_err().to_string();
        assert!(error.contains("trace_rank0.pftrace") && error.contains("`trace_format` \"chrome\""), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_event_arrives_with_its_name(
        first in prop::collection::vec(".+", 1..5),
        second in prop::collection::vec(any::<String>(), 1..5),
    ) {
        let number_and_names = [(0, first), (1, second)];
        let ranks = || number_and_names.clone().map(|(number, names)| Rank { names, ..rank(number) });
        let sources = ranks().map(|rank| serde_json::from_slice::<Value>(&rank.text()).unwrap());
        let (_, trace) = merged(ranks());
        prop_assert_eq!(events(&trace).len(), sources.iter().map(|source| events(source).len()).sum::<usize>());
        prop_assert_eq!(stages(&trace), sources.iter().flat_map(stages).collect::<Vec<_>>());
    }
}

fn has_unfinished(folder: &std::path::Path) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| entry.unwrap().file_name().to_string_lossy().ends_with(".tmp"))
}
