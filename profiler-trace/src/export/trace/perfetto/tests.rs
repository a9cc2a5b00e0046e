//! The same recording in both formats: what a reader of Perfetto's sees is what is in the JSON.

use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::export::trace::chrome;
use crate::model::Trace;
use crate::model::testing::{EPOCH, Script};
use crate::records::gpu::{
    Api, ApiCall, ClockSample, Device, GpuLog, GpuOp, GpuRecord, Kernel, MemoryKind, MemoryOp, Work,
};
use profiler_core::hooks::correlation;
use profiler_core::memory::Action;
use profiler_core::shape::Dtype;
use profiler_core::site::Kind;
use profiler_core::stream::entry::{COMPLETED, FIRST_POLL, Tag};
use profiler_core::stream::key::Key;

use super::reader::{Seen, read};

/// A trace as readers of both formats see it.
fn written(trace: &Trace) -> (Seen, Value) {
    let (mut packets, mut json) = (Vec::new(), Vec::new());
    super::write(trace, &mut packets).unwrap();
    chrome::write(trace, "trace", &mut json).unwrap();
    (read(&packets), serde_json::from_slice(&json).unwrap())
}

/// Returns the slices of the JSON in the form of [`Seen::slices`].
fn slices_of(json: &Value) -> Vec<Value> {
    let events = json["traceEvents"].as_array().unwrap();
    let rows: HashMap<String, &str> = events
        .iter()
        .filter(|event| event["name"] == "thread_name")
        .map(|event| (format!("{} {}", event["pid"], event["tid"]), event["args"]["name"].as_str().unwrap()))
        .collect();
    let base = json["baseTimeNanoseconds"].as_u64().unwrap();
    let ns = |micros: &Value| micros.as_f64().map_or(0, |micros| (micros * 1000.0).round() as u64);
    let shown = events.iter().filter(|event| event["cat"].is_string() && event["cat"] != "Trace");
    shown
        .filter(|event| event["ph"] == "X" || event["ph"] == "i")
        .map(|event| {
            let row = rows[&format!("{} {}", event["pid"], event["tid"])].trim_end();
            let (begin, length) = (base + ns(&event["ts"]), ns(&event["dur"]));
            let (name, cat, args) = (&event["name"], &event["cat"], rounded(&event["args"]));
            json!({"name": name, "cat": cat, "row": row, "begin": begin, "end": begin + length, "args": args})
        })
        .collect()
}

/// Rounds numbers, because JSON has fewer decimals.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), rounded(value))).collect(),
        Value::Number(number) if number.is_f64() => json!((number.as_f64().unwrap() * 1e4).round()),
        other => other.clone(),
    }
}

fn sorted(mut slices: Vec<Value>) -> Vec<String> {
    slices.sort_by_key(|slice| (slice["begin"].as_u64(), slice["end"].as_u64(), slice.to_string()));
    slices.iter().map(Value::to_string).collect()
}

fn comparable(seen: &Seen) -> Vec<Value> {
    let without = |slice: &Value| -> Map<String, Value> {
        let members = slice.as_object().unwrap().iter().filter(|(name, _)| *name != "depth");
        members.map(|(name, value)| (name.clone(), rounded(value))).collect()
    };
    seen.slices.iter().filter(|slice| slice["cat"] != "Trace").map(|slice| without(slice).into()).collect()
}

/// Both formats contain the same, and Perfetto's also has what only it can express.
pub(super) fn same(trace: &Trace) -> Seen {
    let (seen, json) = written(trace);
    assert_eq!(sorted(comparable(&seen)), sorted(slices_of(&json)));
    seen
}

fn depths(seen: &Seen, row: &str) -> Vec<(String, u64)> {
    let on_row = seen.slices.iter().filter(|slice| slice["row"] == row);
    on_row.map(|slice| (slice["name"].as_str().unwrap().to_owned(), slice["depth"].as_u64().unwrap())).collect()
}

fn pairs(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    expected.iter().map(|&(name, depth)| (name.to_owned(), depth)).collect()
}

#[test]
fn slices_that_begin_and_end_together_keep_their_nesting() {
    let mut script = Script::new();
    let [outer, inner, op] = ["outer", "inner", "op"].map(|name| script.site(Kind::Stage, name));
    script.begin(outer, 10).begin(inner, 10).begin(op, 10).end(op, 10).end(inner, 20).end(outer, 20);
    script.begin(outer, 20).begin(op, 30).end(op, 30).end(outer, 30).thread("main");
    let seen = same(&Trace::build(script.finish()));
    assert_eq!(depths(&seen, "main"), pairs(&[("outer", 0), ("inner", 1), ("op", 2), ("outer", 0), ("op", 1)]));
}

/// B12: both formats mark where a clock jumped.
#[test]
fn a_jump_of_a_clock_is_a_mark_in_both_formats() {
    let mut script = Script::new();
    let stage = script.site(Kind::Stage, "stage");
    script.begin(stage, 10).end(stage, 20).thread("main");
    let mut recording = script.finish();
    recording.window.end.unix_ns += 7_200_000_000_000;
    let trace = Trace::build(recording);
    let (seen, json) = written(&trace);
    let is_mark = |event: &&Value| event["name"] == "clock jump";
    let marks: Vec<_> = json["traceEvents"].as_array().unwrap().iter().filter(is_mark).collect();
    let seen: Vec<_> = seen.slices.iter().filter(is_mark).collect();
    assert_eq!((marks.len(), seen.len()), (1, 1));
    let args = json!({"kind": "real time", "length_ns": 7_200_000_000_000_u64, "at_unix_ns": trace.begin,
        "within_ns": trace.end - trace.begin});
    assert_eq!([&marks[0]["args"], &seen[0]["args"]], [&args; 2]);
    assert_eq!(
        (&marks[0]["s"], seen[0]["begin"].as_u64(), &seen[0]["row"]),
        (&json!("g"), Some(trace.begin), &json!("session"))
    );
}

#[test]
fn shapes_steps_requests_tasks_and_flops_are_arguments() {
    let mut script = Script::new();
    script.context.options.torch_profiler_record_shapes = true;
    script.context.options.torch_profiler_with_flops = true;
    let (op, step) = (script.site(Kind::Op, "linear"), script.site(Kind::Step, "denoise_step"));
    let fetch = script.site(Kind::Stage, "fetch");
    script.context.step_site = Some(step);
    script.number(Key::INDEX, step, 700).begin(step, 1_000);
    script
        .input(op, Dtype::F32, &[2, 4, 8])
        .input(op, Dtype::Scalar, &[])
        .number(Key::FLOPS, op, 1 << 63)
        .begin(op, 1_500)
        .end(op, 3_000)
        .end(step, 4_000);
    for (task, at) in [(1, 5_000), (2, 6_000)] {
        script.entry(Tag::Task, FIRST_POLL, fetch, task).begin(fetch, at).end(fetch, at + 5);
    }
    for (task, at, outcome) in [(1, 7_000, COMPLETED), (2, 7_000, 0)] {
        script.entry(Tag::Task, 0, fetch, task).entry(Tag::TaskEnd, outcome, fetch, at);
    }
    script.begin(fetch, 9_000).thread("main").begin(op, 1).end(op, 2).thread("worker");
    let seen = same(&Trace::build(script.finish()));
    let linear = seen.slices.iter().find(|slice| slice["name"] == "linear" && slice["row"] == "main").unwrap();
    assert_eq!(linear["args"]["Input Dims"], json!([[2, 4, 8], []]));
    assert_eq!(linear["args"]["flops"], json!(1u64 << 63));
    assert!(seen.slices.iter().any(|slice| slice["name"] == "ProfilerStep#0"));
    assert_eq!(depths(&seen, "async lane 2"), pairs(&[("fetch", 0)]));
}

#[test]
fn bare_steps_follow_each_other_on_a_track() {
    let mut script = Script::new();
    script.entry(Tag::StepMark, 0, 0, 10).entry(Tag::StepMark, 0, 0, 30).thread("main");
    assert_eq!(
        depths(&same(&Trace::build(script.finish())), "steps"),
        pairs(&[("ProfilerStep#0", 0), ("ProfilerStep#1", 0)])
    );
}

#[test]
fn the_recording_is_a_slice_with_the_facts_of_the_trace() {
    let mut script = Script::new();
    (script.context.rank, script.context.world_size) = (3, 4);
    script.context.session = "nightly".to_owned();
    script.thread("main");
    let (seen, json) = written(&Trace::build(script.finish()));
    let args = &seen.slices.iter().find(|slice| slice["cat"] == "Trace").unwrap()["args"];
    assert_eq!((&args["distributedInfo"]["rank"], &args["profiler"]["session"]), (&json!(3), &json!("nightly")));
    assert_eq!(args["profiler"]["losses"]["missing"], json["profiler"]["losses"]["missing"]);
    assert!(seen.rows.keys().all(|id| id >> 32 == 4), "tracks of ranks do not collide");
}

#[test]
fn memory_is_counted_from_what_was_there() {
    let mut script = Script::new();
    let stage = script.site(Kind::Stage, "stage");
    let mut log = crate::model::MemoryLog::default();
    let host = profiler_core::memory::Device::Cpu;
    (log.begin.devices, log.end.devices) = (vec![(host, 1_000)], vec![(host, 1_060)]);
    script.memory = Some(log);
    script.begin(stage, 5);
    script.memory(Action::Alloc, 0, 10, (0xf000, 100)).memory(Action::Free, 0, 20, (0xf000, 100)).end(stage, 25);
    script.memory(Action::Alloc, 0, 30, (0xe000, 60)).thread("main");
    let seen = same(&Trace::build(script.finish()));
    let samples: Vec<(u64, u64)> = seen.samples.iter().map(|(_, at, value)| (at - EPOCH, *value)).collect();
    assert_eq!(samples, [(0, 1_000), (10, 1_100), (20, 1_000), (30, 1_060)]);
    assert_eq!(seen.samples[0].0, "memory allocated (CPU)");
}

/// Two calls in a range, the second a runtime call around a driver call, and kernels on two
/// streams, two of them at once.
pub(super) fn gpu_log() -> GpuLog {
    let clock = ClockSample { source_ns: EPOCH, before_ns: EPOCH, after_ns: EPOCH };
    let names = ["kernel", "cuLaunchKernel", "cudaLaunchKernel"].map(String::from).to_vec();
    let device = Device { name: "H1".into(), multiprocessors: 1, warp: 32, threads_per_sm: 64, ..Device::default() };
    let device = Device { blocks_per_sm: 1, registers_per_sm: 1 << 16, shared_per_sm: 1 << 16, ..device };
    let call = |api, name, (begin, end), thread, correlation, position: Option<u64>| {
        let call = ApiCall { api, function: 307, name, begin: EPOCH + begin, end: EPOCH + end, thread, correlation };
        (call, position.map(|position| (correlation, correlation::id(1, position))))
    };
    let calls = [
        call(Api::Driver, 1, (20, 40), 4001, 1, Some(0)),
        call(Api::Runtime, 2, (40, 60), 4001, 2, Some(0)),
        call(Api::Driver, 1, (40, 60), 4001, 2, None),
        call(Api::Driver, 1, (45, 50), 99, 3, None),
    ];
    let kernel = |correlation, stream, (begin, end)| {
        let work = Work::Kernel(Kernel { grid: [1, 1, 1], block: [32, 1, 1], ..Kernel::default() });
        let (begin, end) = (EPOCH + begin, EPOCH + end);
        GpuOp { begin, end, device: 0, context: 1, stream, correlation, graph: (0, 0), work }
    };
    let ops = vec![kernel(1, 7, (70, 90)), kernel(2, 13, (80, 100)), kernel(1, 7, (90, 95)), kernel(3, 7, (92, 99))];
    let memory = MemoryOp {
        is_free: false,
        kind: MemoryKind::Device,
        address: 1,
        bytes: 64,
        at: EPOCH + 50,
        device: 0,
        correlation: 1,
    };
    let links = calls.iter().filter_map(|(_, link)| *link).collect();
    let calls = calls.into_iter().map(|(call, _)| call).collect();
    GpuLog {
        names,
        ops,
        calls,
        links,
        devices: vec![device],
        memory: vec![memory],
        clocks: [clock; 2],
        ..GpuLog::default()
    }
}

#[test]
fn gpu_work_is_on_its_own_rows_with_arrows_from_the_calls() {
    let mut script = Script::new();
    let (stage, op) = (script.site(Kind::Stage, "stage"), script.site(Kind::Op, "op"));
    // The calls touch the start and end of their range, and the op next to them.
    script.begin(stage, 20).begin(op, 60).end(op, 70).end(stage, 100).thread("main");
    script.gpu = GpuRecord::Recorded(Box::new(gpu_log()));
    let seen = same(&Trace::build(script.finish()));
    // The memory event belongs to the first call.
    let calls = [("stage", 0), ("cuLaunchKernel", 1), ("[memory]", 2), ("cudaLaunchKernel", 1), ("cuLaunchKernel", 2)];
    assert_eq!(depths(&seen, "main"), pairs(&[&calls[..], &[("op", 1)]].concat()));
    assert_eq!(depths(&seen, "stream 7"), pairs(&[("stage", 0), ("kernel", 1), ("kernel", 1)]));
    assert_eq!(depths(&seen, "stream 7 (overlapping 1)"), pairs(&[("kernel", 0)]));
    let flow = |list: &[(u64, String)]| list.iter().map(|(id, name)| format!("{id} {name}")).collect::<Vec<_>>();
    assert_eq!(flow(&seen.flows), ["1 cuLaunchKernel", "2 cudaLaunchKernel", "3 cuLaunchKernel"]);
    assert_eq!(flow(&seen.flow_ends), ["1 kernel", "2 kernel", "3 kernel"]);
    let full = seen.samples.iter().filter(|(name, ..)| name == "est. achieved occupancy");
    let full: Vec<(u64, u64)> = full.map(|(_, at, percent)| (at - EPOCH, *percent)).collect();
    assert_eq!(full, [(70, 50), (80, 100), (90, 50), (90, 100), (92, 100), (95, 100), (99, 50), (100, 0)]);
}

proptest! {
    #[test]
    fn any_name_arrives(names in prop::collection::vec(any::<String>(), 1..4), thread in any::<String>()) {
        let mut script = Script::new();
        let sites: Vec<u32> = names.iter().map(|name| script.site(Kind::Stage, name)).collect();
        for (site, at) in sites.into_iter().zip(1..) {
            script.begin(site, at * 10).end(site, at * 10 + 5);
        }
        script.thread(&thread);
        let (seen, _) = written(&Trace::build(script.finish()));
        let found: Vec<&str> = seen.slices.iter().skip(1).map(|slice| slice["name"].as_str().unwrap()).collect();
        prop_assert_eq!(found, names);
        prop_assert_eq!(seen.slices[1]["row"].as_str().unwrap(), thread);
    }

    #[test]
    fn both_formats_tell_the_same_whatever_happened(
        steps in prop::collection::vec((0..6u32, 0..4u64), 0..80),
        calls in prop::collection::vec((0..200u64, 0..20u64), 0..20),
    ) {
        let mut script = Script::from_moves(&steps);
        let mut log = gpu_log();
        for (begin, length) in calls {
            let (begin, end) = (EPOCH + begin, EPOCH + begin + length);
            let correlation = log.calls.len() as u32 + 10;
            log.calls.push(ApiCall { api: Api::Driver, function: 1, name: 1, begin, end, thread: 4001, correlation });
        }
        script.gpu = GpuRecord::Recorded(Box::new(log));
        same(&Trace::build(script.finish()));
    }
}
