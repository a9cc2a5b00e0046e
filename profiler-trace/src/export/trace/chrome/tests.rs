//! The trace as its readers see it: strict JSON, every row nesting, every name intact.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::model::Trace;
use crate::model::testing::{EPOCH, LENGTH, Script};
use profiler_core::shape::Dtype;
use profiler_core::site::Kind;
use profiler_core::stream::entry::{COMPLETED, FIRST_POLL, Tag};
use profiler_core::stream::key::Key;

/// Parses the file as a reader does.
fn written(script: Script) -> Value {
    let mut out = Vec::new();
    super::write(&Trace::build(script.finish()), "trace_rank0.json", &mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

/// Returns the slices of ranges.
fn slices(trace: &Value) -> Vec<&Value> {
    let events = trace["traceEvents"].as_array().unwrap().iter();
    events.filter(|event| event["ph"] == "X" && event["cat"] != "Trace").collect()
}

fn named<'a>(trace: &'a Value, name: &str) -> &'a Value {
    slices(trace).into_iter().find(|slice| slice["name"] == name).unwrap()
}

/// Returns the name of the row `tid`.
fn row_name<'a>(trace: &'a Value, tid: &Value) -> &'a str {
    let mut events = trace["traceEvents"].as_array().unwrap().iter();
    let row = events.find(|event| event["name"] == "thread_name" && event["tid"] == *tid).unwrap();
    row["args"]["name"].as_str().unwrap()
}

/// `(start, end)` in nanoseconds, converted through doubles as most readers do.
fn window(slice: &Value) -> (u64, u64) {
    let (begin, duration) = (slice["ts"].as_f64().unwrap(), slice["dur"].as_f64().unwrap());
    ((begin * 1000.0).round() as u64, ((begin + duration) * 1000.0).round() as u64)
}

fn assert_rows_nest(trace: &Value) {
    let mut rows: HashMap<u64, Vec<(u64, u64)>> = HashMap::new();
    for slice in slices(trace) {
        rows.entry(slice["tid"].as_u64().unwrap()).or_default().push(window(slice));
    }
    for row in rows.values_mut() {
        row.sort_by_key(|&(begin, end)| (begin, std::cmp::Reverse(end)));
        let mut open: Vec<u64> = Vec::new();
        for &(begin, end) in row.iter() {
            open.retain(|&outer| outer > begin);
            assert!(open.iter().all(|&outer| end <= outer), "{begin}..{end} crosses a slice of its row");
            open.push(end);
        }
    }
}

#[test]
fn an_op_has_its_shapes_only_when_they_are_asked_for() {
    for shapes in [false, true] {
        let mut script = Script::new();
        script.context.options.torch_profiler_record_shapes = shapes;
        let op = script.site(Kind::Op, "linear");
        script
            .input(op, Dtype::F32, &[2, 4, 8])
            .input(op, Dtype::Scalar, &[])
            .begin(op, 1_500)
            .end(op, 3_000)
            .thread("main");
        let trace = written(script);
        let slice = named(&trace, "linear");
        assert_eq!((&slice["cat"], &slice["tid"], &slice["dur"]), (&json!("cpu_op"), &json!(4001), &json!(1.5)));
        let mut args = json!({"External id": 1});
        if shapes {
            args["Input Dims"] = json!([[2, 4, 8], []]);
            args["Input Strides"] = json!([[32, 8, 1], []]);
            args["Input type"] = json!(["float", "Scalar"]);
            args["Concrete Inputs"] = json!(["", ""]);
        }
        assert_eq!(slice["args"], args);
        assert_eq!(trace.get("record_shapes"), shapes.then(|| json!(1)).as_ref(), "absent when off");
    }
}

#[test]
fn times_are_relative_to_a_base_that_brings_them_back() {
    let mut script = Script::new();
    let stage = script.site(Kind::Stage, "stage");
    script.begin(stage, 1).end(stage, 2).thread("main");
    let trace = written(script);
    assert_eq!(trace["baseTimeNanoseconds"].as_u64().unwrap() + window(named(&trace, "stage")).0, EPOCH + 1);
}

#[test]
fn the_driving_loop_is_profiler_steps_that_keep_their_own_name() {
    let mut script = Script::new();
    let (step, other) = (script.site(Kind::Step, "denoise_step"), script.site(Kind::Step, "other"));
    script.context.step_site = Some(step);
    script.context.first_step = 7;
    for at in [10, 20] {
        script
            .number(Key::INDEX, step, at * 100)
            .begin(step, at)
            .begin(other, at + 1)
            .end(other, at + 2)
            .end(step, at + 5);
    }
    script.thread("main");
    let trace = written(script);
    let args = json!({"External id": 3, "step": "denoise_step", "index": 2000});
    assert_eq!(named(&trace, "ProfilerStep#8")["args"], args);
    assert_eq!(named(&trace, "ProfilerStep#7")["cat"], "user_annotation");
    assert_eq!(slices(&trace).iter().filter(|slice| slice["name"] == "other").count(), 2);
}

#[test]
fn bare_steps_get_a_row_of_their_own() {
    let mut script = Script::new();
    let stage = script.site(Kind::Stage, "stage");
    script.begin(stage, 5).entry(Tag::StepMark, 0, 0, 10).end(stage, 15).entry(Tag::StepMark, 0, 0, 30).thread("main");
    let trace = written(script);
    let step = named(&trace, "ProfilerStep#1");
    assert_eq!(row_name(&trace, &step["tid"]), "steps");
    assert_eq!(window(step).1 - window(step).0, 20);
    assert_rows_nest(&trace);
}

#[test]
fn async_ranges_live_on_a_lane_and_are_polled_on_the_thread() {
    let mut script = Script::new();
    let fetch = script.site(Kind::Stage, "fetch");
    for (task, at) in [(1, 10), (2, 20)] {
        script.entry(Tag::Task, FIRST_POLL, fetch, task).begin(fetch, at).end(fetch, at + 5);
    }
    for (task, at, outcome) in [(1, 100, COMPLETED), (2, 110, 0)] {
        script.entry(Tag::Task, 0, fetch, task).entry(Tag::TaskEnd, outcome, fetch, at);
    }
    script.thread("main");
    let trace = written(script);
    let rows: Vec<&str> = slices(&trace).iter().map(|slice| row_name(&trace, &slice["tid"])).collect();
    assert_eq!(rows, ["main", "main", "async lane 1", "async lane 2"]);
    let args: Vec<&Value> = slices(&trace).iter().map(|slice| &slice["args"]).collect();
    assert_eq!(*args[0], json!({"External id": 1, "task": 1}));
    assert_eq!(*args[2], json!({"External id": 3, "task": 1, "polls": 1, "busy_us": 0.005}));
    assert_eq!(args[3]["cancelled"], true);
}

#[test]
fn what_is_open_at_the_end_is_shown_up_to_there() {
    let mut script = Script::new();
    let (outer, inner) = (script.site(Kind::Stage, "outer"), script.site(Kind::Stage, "inner"));
    script.begin(outer, 10).begin(inner, 20).thread("main");
    let trace = written(script);
    let base = trace["baseTimeNanoseconds"].as_u64().unwrap();
    for name in ["outer", "inner"] {
        assert_eq!(named(&trace, name)["args"]["unfinished"], true);
        assert_eq!(base + window(named(&trace, name)).1, EPOCH + LENGTH);
    }
    assert_rows_nest(&trace);
}

#[test]
fn the_rank_is_spelled_so_that_hta_finds_it_first() {
    let mut script = Script::new();
    (script.context.rank, script.context.world_size) = (3, 4);
    script.context.host = r#""rank": 9"#.to_owned();
    script.context.session = r#""rank": 8"#.to_owned();
    script.thread("main");
    let mut out = Vec::new();
    super::write(&Trace::build(script.finish()), "trace", &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let after = text.split_once("\"rank\": ").unwrap().1;
    assert!(after.starts_with("3,"));
}

proptest! {
    #[test]
    fn any_name_arrives(names in prop::collection::vec(".+", 1..4), thread in any::<String>()) {
        let mut script = Script::new();
        let sites: Vec<u32> = names.iter().map(|name| script.site(Kind::Stage, name)).collect();
        for (site, at) in sites.into_iter().zip(1..) {
            script.begin(site, at * 10).end(site, at * 10 + 5);
        }
        script.thread(&thread);
        let trace = written(script);
        let found: Vec<&str> = slices(&trace).iter().map(|slice| slice["name"].as_str().unwrap()).collect();
        prop_assert_eq!(found, names);
        prop_assert_eq!(row_name(&trace, &json!(4001)), thread);
    }

    #[test]
    fn rows_nest_and_ids_are_unique_whatever_happened(steps in prop::collection::vec((0..6u32, 0..4u64), 0..80)) {
        let trace = written(Script::from_moves(&steps));
        assert_rows_nest(&trace);
        let ids = slices(&trace).into_iter().map(|slice| slice["args"]["External id"].as_u64().unwrap());
        let ids: HashSet<u64> = ids.collect();
        prop_assert_eq!(ids.len(), slices(&trace).len());
    }
}
