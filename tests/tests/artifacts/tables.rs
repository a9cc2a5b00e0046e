//! Operator tables of real sessions: the workbook, the text and `key_averages` agree with the
//! trace.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use calamine::{Data, Reader, Xlsx, open_workbook};
use profiler_runtime::artifacts::{ArtifactKind, GroupBy, KeyAverages, Manifest, SortBy};
use profiler_runtime::{
    ExportHandle, ProfilerConfig, flops, op, profiled_op, profiled_stage, profiled_step, stage, start_profile_with,
    stop_profile,
};
use profiler_tests::tasks::finish;
use profiler_tests::{Bench, Trace, child_of, in_child, succeeded};

/// Columns of vLLM-Omni's workbook, in its order.
const COLUMNS: [&str; 21] = [
    "name",
    "count",
    "device_type",
    "node_id",
    "self_cpu_time_total_us",
    "cpu_time_total_us",
    "self_cuda_time_total_us",
    "cuda_time_total_us",
    "self_xpu_time_total_us",
    "xpu_time_total_us",
    "self_cpu_memory_usage_bytes",
    "cpu_memory_usage_bytes",
    "self_cuda_memory_usage_bytes",
    "cuda_memory_usage_bytes",
    "self_xpu_memory_usage_bytes",
    "xpu_memory_usage_bytes",
    "input_shapes",
    "stack",
    "overload_name",
    "is_async",
    "is_legacy",
];

/// Columns that only the profiler's workbook has, behind the others.
const OURS: [&str; 7] =
    ["kind", "polls", "wall_time_total_us", "self_cpu_share", "cpu_time_avg_us", "self_cuda_share", "cuda_time_avg_us"];

#[profiled_op("linear", shapes(x), flops = flops::linear(&[x.len() / 4, 4], &[8, 4]))]
fn linear(x: &[f32]) -> f32 {
    x.iter().sum()
}

#[profiled_op("norm", shapes(x))]
fn norm(x: &[f32]) -> f32 {
    x.iter().map(|x| x * x).sum()
}

#[profiled_step]
fn denoise_step(x: &[f32]) -> f32 {
    linear(x) + norm(x) + linear(&x[..8])
}

#[profiled_stage("diffuse")]
fn diffuse(steps: u32) -> f32 {
    (0..steps).map(|_| denoise_step(&[1.0; 64])).sum()
}

#[profiled_stage("decode")]
async fn decode() {
    let mut pending = 3;
    std::future::poll_fn(|_| {
        pending -= 1;
        drop(op!("chunk"));
        if pending == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Runs a pipeline on two threads, with an async stage and a guard that outlives the stage around
/// it.
fn pipeline() {
    let other = thread::spawn(|| diffuse(2));
    diffuse(3);
    finish(decode());
    let outer = stage!("outer");
    let inner = stage!("inner");
    drop(op!("inside"));
    drop(outer);
    drop(op!("after"));
    drop(inner);
    profiler_runtime::next_step();
    other.join().unwrap();
}

fn everything(bench: &Bench) -> ProfilerConfig {
    let config = bench.config().torch_profiler_record_shapes(true).torch_profiler_with_flops(true);
    config.torch_profiler_dump_cuda_time_total(true)
}

fn record(config: ProfilerConfig) -> (ExportHandle, Manifest) {
    start_profile_with(config).unwrap();
    pipeline();
    let stopped = stop_profile().unwrap();
    let manifest = stopped.wait().unwrap();
    assert_eq!(manifest.errors, [""; 0]);
    (stopped, manifest)
}

/// Returns the rows of a sheet, as maps from column names to cells.
fn sheet(path: &Path, name: &str) -> Vec<HashMap<String, Data>> {
    let mut workbook: Xlsx<_> = open_workbook(path).unwrap();
    let range = workbook.worksheet_range(name).unwrap();
    let heads: Vec<String> = range.rows().next().unwrap().iter().map(ToString::to_string).collect();
    let rows = range.rows().skip(1);
    rows.map(|row| heads.iter().cloned().zip(row.iter().cloned()).collect()).collect()
}

fn number(row: &HashMap<String, Data>, column: &str) -> f64 {
    let Some(Data::Float(number)) = row.get(column) else { panic!("`{column}` is no number in {row:?}") };
    *number
}

fn text<'a>(row: &'a HashMap<String, Data>, column: &str) -> &'a str {
    let Some(Data::String(text)) = row.get(column) else { panic!("`{column}` is no text in {row:?}") };
    text
}

fn workbook(manifest: &Manifest) -> PathBuf {
    manifest.artifact(ArtifactKind::Ops).expect("a workbook").path.clone()
}

/// Returns the nanoseconds in which threads ran a slice, according to the trace. Excludes the lives
/// of futures and the steps between calls of `next_step`, which are no time of a thread.
fn busy_ns(trace: &Trace) -> u64 {
    let ns = |value: &serde_json::Value| (value.as_f64().unwrap() * 1000.0).round() as u64;
    let row = |name| trace.named(name)[0].tid;
    // The lane of the main thread to which `inner` has moved.
    let (lane, main) = (row("inner"), row("outer"));
    let mut rows: HashMap<u64, Vec<(u64, u64)>> = HashMap::new();
    let events = trace.json["traceEvents"].as_array().unwrap();
    let steps = events.iter().find(|event| event["name"] == "thread_name" && event["args"]["name"] == "steps").unwrap();
    for event in events {
        let is_range = event["cat"] == "cpu_op" || event["cat"] == "user_annotation";
        if is_range && event["args"]["polls"].is_null() && event["tid"] != steps["tid"] {
            let (begin, duration) = (ns(&event["ts"]), ns(&event["dur"]));
            let tid = event["tid"].as_u64().unwrap();
            rows.entry(if tid == lane { main } else { tid }).or_default().push((begin, begin + duration));
        }
    }
    let covered = |mut row: Vec<(u64, u64)>| {
        row.sort_unstable();
        let (mut ns, mut until) = (0, 0);
        for (begin, end) in row {
            ns += end.saturating_sub(begin.max(until));
            until = until.max(end);
        }
        ns
    };
    rows.into_values().map(covered).sum()
}

fn total_ns(table: &KeyAverages) -> u64 {
    u64::try_from(table.self_cpu_time_total().as_nanos()).unwrap()
}

#[test]
fn trace_workbook_text_and_library_tell_the_same_times() {
    let bench = Bench::alone();
    let (stopped, manifest) = record(everything(&bench));
    let of_trace = busy_ns(&Trace::read(stopped.folder().unwrap()));
    for by in [GroupBy::Name, GroupBy::InputShapes, GroupBy::Stack(8)] {
        assert_eq!(total_ns(&stopped.key_averages(by).unwrap()), of_trace, "{by:?}");
    }
    for name in ["summary", "by_shape"] {
        // `outer` and `inner` overlap without nesting: both rows have the time in common, the total
        // has it once.
        let sum: f64 = sheet(&workbook(&manifest), name).iter().map(|row| number(row, COLUMNS[4])).sum();
        let own = stopped.key_averages(GroupBy::Name).unwrap();
        let own: Duration = own.rows().iter().map(|row| row.self_cpu_time).sum();
        assert_eq!((sum * 1000.0).round() as u128, own.as_nanos(), "{name}");
        assert!(own.as_nanos() > u128::from(of_trace));
    }
    let text = std::fs::read_to_string(&manifest.artifact(ArtifactKind::Table).unwrap().path).unwrap();
    assert_eq!(text, manifest.key_averages(GroupBy::Name).sort_by(SortBy::SelfCudaTime).table());
}

#[test]
fn the_workbook_has_the_requested_sheets_and_columns_in_order() {
    let bench = Bench::alone();
    for (config, sheets, columns) in [
        (bench.config(), ["summary", "stages"].as_slice(), [&COLUMNS[..], &OURS].concat()),
        (
            bench.config().torch_profiler_record_shapes(true),
            &["summary", "by_shape", "stages"],
            [&COLUMNS[..], &OURS].concat(),
        ),
        (
            bench.config().torch_profiler_with_stack(true).torch_profiler_with_flops(true),
            &["summary", "by_stack", "stages"],
            [&COLUMNS[..], &["total_flops", "achieved_flops_per_s", "flops_formula"], &OURS].concat(),
        ),
    ] {
        let (_, manifest) = record(config);
        let mut workbook: Xlsx<_> = open_workbook(workbook(&manifest)).unwrap();
        assert_eq!(workbook.sheet_names(), sheets);
        for sheet in &sheets[..sheets.len() - 1] {
            let range = workbook.worksheet_range(sheet).unwrap();
            let heads: Vec<String> = range.rows().next().unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(heads, columns);
        }
    }
}

/// E6: the workbook shows shares, averages and the stages.
#[test]
fn the_workbook_tells_shares_averages_and_stages() {
    let bench = Bench::alone();
    let (_, manifest) = record(everything(&bench));
    let rows = sheet(&workbook(&manifest), "summary");
    let total = manifest.key_averages(GroupBy::Name).self_cpu_time_total().as_secs_f64() * 1e6;
    for row in &rows {
        let share = number(row, "self_cpu_time_total_us") / total;
        assert!((number(row, "self_cpu_share") - share).abs() < 1e-9, "{row:?}");
        let off = number(row, "cpu_time_avg_us") * number(row, "count") - number(row, "cpu_time_total_us");
        assert!(off.abs() <= 0.001 * number(row, "count"), "{row:?}");
    }
    let stages = sheet(&workbook(&manifest), "stages");
    let named = |name: &str| stages.iter().find(|row| text(row, "stage") == name).unwrap();
    assert_eq!((number(named("diffuse"), "calls"), number(named("denoise_step"), "calls")), (2.0, 5.0));
    assert_eq!((number(named("diffuse"), "depth"), number(named("denoise_step"), "depth")), (0.0, 1.0));
    assert_eq!((text(named("denoise_step"), "kind"), number(named("decode"), "polls")), ("step", 3.0));
    let own = number(named("diffuse"), "total_us") - number(named("denoise_step"), "total_us");
    assert!((own - number(named("diffuse"), "self_us")).abs() < 0.01, "{own}");
    assert_eq!(text(stages.last().unwrap(), "stage"), "(unaccounted)");
}

#[test]
fn what_no_record_tells_is_an_empty_cell() {
    let bench = Bench::alone();
    let (_, manifest) = record(everything(&bench));
    for row in sheet(&workbook(&manifest), "summary") {
        // On a machine with a GPU, the columns of CUDA times are filled.
        let cuda =
            if manifest.key_averages(GroupBy::Name).self_cuda_time_total().is_some() { "cuda_mem" } else { "cuda" };
        for column in COLUMNS.iter().filter(|column| column.contains(cuda) || column.contains("xpu")) {
            assert_eq!(row[*column], Data::Empty, "{column}");
        }
        assert_eq!((text(&row, "device_type"), number(&row, "node_id")), ("DeviceType.CPU", -1.0));
        assert_eq!(row["is_legacy"], Data::Bool(false));
    }
}

#[test]
fn rows_count_calls_steps_and_lives() {
    let bench = Bench::alone();
    let (_, manifest) = record(everything(&bench));
    let rows = sheet(&workbook(&manifest), "summary");
    let counts = |name: &str| -> Vec<(f64, bool)> {
        let named = rows.iter().filter(|row| text(row, "name") == name);
        named.map(|row| (number(row, "count"), row["is_async"] == Data::Bool(true))).collect()
    };
    // Two loops of one site run at the same time: only steps that follow each other are numbered.
    assert_eq!(counts("linear"), [(10.0, false)]);
    assert_eq!(counts("diffuse"), [(2.0, false)]);
    assert_eq!(counts("decode"), [(1.0, true)], "a life is a call, whatever its polls");
    let decode = rows.iter().find(|row| text(row, "name") == "decode").unwrap();
    assert_eq!((number(decode, "polls"), text(decode, "kind")), (3.0, "stage"));
    let steps: f64 = ["ProfilerStep*", "denoise_step"].iter().flat_map(|name| counts(name)).map(|row| row.0).sum();
    assert_eq!(steps, 5.0);
}

#[test]
fn a_sheet_by_shape_has_pytorchs_text_for_each_shape() {
    let bench = Bench::alone();
    let (_, manifest) = record(everything(&bench));
    let rows = sheet(&workbook(&manifest), "by_shape");
    let mut shapes: Vec<(&str, f64)> = rows
        .iter()
        .filter(|row| text(row, "name") == "linear")
        .map(|row| (text(row, "input_shapes"), number(row, "count")))
        .collect();
    shapes.sort_by(|one, other| one.0.cmp(other.0));
    assert_eq!(shapes, [("[[64]]", 5.0), ("[[8]]", 5.0)]);
}

#[inline(never)]
fn one_way() -> f32 {
    std::hint::black_box(norm(&[1.0; 4]))
}

#[inline(never)]
fn another_way() -> f32 {
    std::hint::black_box(norm(&[1.0; 4]))
}

#[test]
fn a_sheet_by_stack_tells_calls_from_different_places_apart() {
    let bench = Bench::alone();
    start_profile_with(bench.config().torch_profiler_with_stack(true)).unwrap();
    for _ in 0..3 {
        one_way();
    }
    another_way();
    let stopped = stop_profile().unwrap();
    let manifest = stopped.wait().unwrap();
    let rows = sheet(&workbook(&manifest), "by_stack");
    let count = |place: &str| {
        let through = rows.iter().filter(|row| text(row, "name") == "norm" && text(row, "stack").contains(place));
        through.map(|row| number(row, "count")).sum::<f64>()
    };
    assert_eq!((count("::one_way"), count("::another_way")), (3.0, 1.0));
    assert!(rows.iter().all(|row| text(row, "stack").lines().count() <= 8));
    let leaf = manifest.key_averages(GroupBy::Stack(1));
    assert_eq!(leaf.rows().len(), 1, "the innermost frame is the op's function, whoever called it: {leaf}");
}

#[test]
fn flops_agree_and_an_op_without_a_formula_is_named() {
    let bench = Bench::alone();
    let (stopped, manifest) = record(everything(&bench));
    let trace = Trace::read(stopped.folder().unwrap());
    let of_trace: u64 = trace.named("linear").iter().map(|slice| slice.args["flops"].as_u64().unwrap()).sum();
    assert_eq!(of_trace, 5 * 2 * 4 * 8 * (16 + 2));
    let rows = sheet(&workbook(&manifest), "summary");
    let row = |name: &str| rows.iter().find(|row| text(row, "name") == name).unwrap();
    assert_eq!(number(row("linear"), "total_flops") as u64, of_trace);
    let seconds = number(row("linear"), "cpu_time_total_us") / 1e6;
    let rate = number(row("linear"), "achieved_flops_per_s");
    assert!((rate * seconds / of_trace as f64 - 1.0).abs() < 1e-9, "{rate} for {seconds} s");
    assert_eq!(text(row("linear"), "flops_formula"), "yes");
    let norm = row("norm");
    assert_eq!((&norm["total_flops"], text(norm, "flops_formula")), (&Data::Empty, "no"));
    assert_eq!(row("diffuse")["flops_formula"], Data::Empty, "a stage has no FLOPs of its own");
    let table = manifest.key_averages(GroupBy::Name).table();
    let named = table.lines().find(|line| line.starts_with("Calls without a FLOPs formula")).unwrap();
    assert!(named.contains("norm") && !named.contains("linear") && !named.contains("diffuse"), "{named}");
}

#[test]
#[ignore = "runs in a process of its own"]
fn child_dumps_its_table() {
    if in_child() {
        let bench = Bench::alone();
        let _written = record(everything(&bench));
    }
}

#[test]
fn rank_0_prints_the_table_once_and_no_other_rank_does() {
    for (rank, expected) in [("0", 1), ("1", 0)] {
        let mut child = child_of("child_dumps_its_table");
        let output = succeeded(child.env("RANK", rank).env("WORLD_SIZE", "2"));
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(printed.matches("Self CPU time total: ").count(), expected, "rank {rank}: {printed}");
    }
}

#[profiled_op("recurses")]
fn recurses(deep: u32) {
    thread::sleep(Duration::from_millis(2));
    if deep > 0 {
        recurses(deep - 1);
    }
}

/// E12: the total of an op that contains itself has its time more than once, and table and summary
/// say so.
#[test]
fn an_op_inside_itself_is_told_to_count_twice() {
    const SAID: &str = "CPU totals: calls that are concurrent or nested in one another are counted more than once.";
    let bench = Bench::alone();
    for (deep, told) in [(1, true), (0, false)] {
        start_profile_with(bench.config()).unwrap();
        recurses(deep);
        {
            // Keeps the totals below the session's length, so that only the op causes the note.
            let _long = stage!("long");
            thread::sleep(Duration::from_millis(30));
        }
        let stopped = stop_profile().unwrap();
        let table = stopped.key_averages(GroupBy::Name).unwrap().to_string();
        let summary = std::fs::read_to_string(stopped.folder().unwrap().join("summary_rank0.md")).unwrap();
        assert_eq!((table.contains(SAID), summary.contains(SAID)), (told, told), "{table}\n{summary}");
    }
}
