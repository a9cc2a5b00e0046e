//! Operator tables against recordings made by hand, and against random ones.

use std::time::Duration;

use proptest::prelude::*;

use crate::model::memory::MemoryLog;
use crate::model::testing::Script;
use crate::model::{KeyAverage, Trace};
use profiler_core::memory::Action;
use profiler_core::memory::Levels;
use profiler_core::shape::Dtype;
use profiler_core::site::Kind;
use profiler_core::stream::entry::{COMPLETED, FIRST_POLL, Tag};
use profiler_core::stream::key::Key;

use super::rows::GroupBy;

/// `(name, count, self, total)` of every row, in nanoseconds.
fn rows(trace: &Trace, by: GroupBy) -> Vec<(String, u64, u128, u128)> {
    let rows = trace.ops.rows(by).into_iter();
    rows.map(|row| (row.name, row.count, row.self_cpu_time.as_nanos(), row.cpu_time.as_nanos())).collect()
}

fn row(trace: &Trace, by: GroupBy, name: &str) -> KeyAverage {
    trace.ops.rows(by).into_iter().find(|row| row.name == name).unwrap()
}

/// A call of `op` with one input of two dims.
fn call(script: &mut Script, op: u32, dims: (u64, u64), flops: Option<u64>, (begin, end): (u64, u64)) {
    script.input(op, Dtype::F32, &[dims.0, dims.1]);
    if let Some(flops) = flops {
        script.number(Key::FLOPS, op, flops);
    }
    script.begin(op, begin).end(op, end);
}

/// A3: a total never exceeds the threads' time, whatever is open at the same time.
#[test]
fn siblings_that_overlap_count_once_in_the_total() {
    let mut script = Script::new();
    let (a, b) = (script.site(Kind::Stage, "a"), script.site(Kind::Stage, "b"));
    script.guard(a, 100).guard(b, 200).drop_guard(a, 100, 500).drop_guard(b, 200, 700).thread("main");
    let trace = Trace::build(script.finish());
    let own = ["a", "b"].map(|name| row(&trace, GroupBy::Name, name).self_cpu_time.as_nanos());
    assert_eq!((own, trace.ops.busy_ns), ([400, 500], 600));
}

#[test]
fn self_time_is_what_nothing_inside_took_and_steps_are_one_row() {
    let mut script = Script::new();
    let (stage, step, op) =
        (script.site(Kind::Stage, "diffuse"), script.site(Kind::Step, "step"), script.site(Kind::Op, "mul"));
    script.context.step_site = Some(step);
    script.begin(stage, 0);
    for at in [100, 200] {
        script.begin(step, at).begin(op, at + 10).end(op, at + 30).end(step, at + 50);
    }
    script.end(stage, 1000).thread("main");
    let trace = Trace::build(script.finish());
    let expected = [("diffuse", 1, 900, 1000), ("ProfilerStep*", 2, 60, 100), ("mul", 2, 40, 40)];
    assert_eq!(rows(&trace, GroupBy::Name), expected.map(|(name, n, own, all)| (name.to_owned(), n, own, all)));
    assert_eq!(trace.ops.busy_ns, 1000);
}

#[test]
fn a_table_by_shapes_has_a_row_per_shape_and_the_same_sum() {
    let mut script = Script::new();
    let op = script.site(Kind::Op, "linear");
    for (dims, begin) in [((4, 5), 0), ((4, 6), 20), ((4, 5), 40)] {
        call(&mut script, op, dims, None, (begin, begin + 10));
    }
    script.begin(op, 60).end(op, 65).thread("main");
    let trace = Trace::build(script.finish());
    assert_eq!(rows(&trace, GroupBy::Name), [("linear".to_owned(), 4, 35, 35)]);
    let shapes: Vec<_> =
        trace.ops.rows(GroupBy::InputShapes).into_iter().map(|row| (row.input_shapes.unwrap(), row.count)).collect();
    assert_eq!(shapes, [(vec![vec![4, 5]], 2), (vec![vec![4, 6]], 1), (vec![], 1)]);
    assert_eq!(row(&trace, GroupBy::Name, "linear").input_shapes, None);
}

#[test]
fn two_places_of_one_name_are_one_row() {
    let mut script = Script::new();
    let (here, there) = (script.site(Kind::Op, "norm"), script.site(Kind::Op, "norm"));
    script.begin(here, 0).end(here, 10).begin(there, 20).end(there, 50).thread("main");
    assert_eq!(rows(&Trace::build(script.finish()), GroupBy::Name), [("norm".to_owned(), 2, 40, 40)]);
}

#[test]
fn an_op_without_a_formula_is_told_from_one_that_did_nothing() {
    let mut script = Script::new();
    let [given, partly, none] = ["given", "partly", "none"].map(|name| script.site(Kind::Op, name));
    let stage = script.site(Kind::Stage, "stage");
    call(&mut script, given, (2, 2), Some(0), (0, 10));
    call(&mut script, partly, (2, 2), Some(500), (20, 30));
    call(&mut script, partly, (2, 2), None, (30, 90));
    script.begin(none, 100).end(none, 110).begin(stage, 110).end(stage, 120).thread("main");
    let trace = Trace::build(script.finish());
    let flops = |name| {
        let row = row(&trace, GroupBy::Name, name);
        (row.flops, row.calls_with_flops, row.calls_without_flops, row.flops_per_second)
    };
    assert_eq!(flops("given"), (Some(0), 1, 0, Some(0.0)));
    assert_eq!(flops("partly"), (Some(500), 1, 1, Some(5e10)), "per second of the calls that gave it");
    assert_eq!(flops("none"), (None, 0, 1, None));
    assert_eq!(flops("stage"), (None, 0, 0, None), "only ops can give one");
}

/// A3: a future's waiting is not CPU time, and its polls are not separate calls.
#[test]
fn an_async_op_is_one_row_with_the_time_of_its_polls() {
    let mut script = Script::new();
    let (op, inner) = (script.site(Kind::Op, "fetch"), script.site(Kind::Op, "inner"));
    script.number(Key::FLOPS, op, 70).entry(Tag::Task, FIRST_POLL, op, 9).begin(op, 100).end(op, 110);
    script.entry(Tag::Task, 0, op, 9).begin(op, 500).begin(inner, 505).end(inner, 510).end(op, 520);
    script.entry(Tag::Task, 0, op, 9).entry(Tag::TaskEnd, COMPLETED, op, 520).thread("main");
    let trace = Trace::build(script.finish());
    let fetch = row(&trace, GroupBy::Name, "fetch");
    let ns = Duration::from_nanos;
    assert_eq!((fetch.is_async, fetch.count, fetch.polls), (true, 1, 2));
    assert_eq!((fetch.self_cpu_time, fetch.cpu_time, fetch.wall_time), (ns(25), ns(30), Some(ns(420))));
    assert_eq!((fetch.flops, fetch.flops_per_second), (Some(70), None), "its time is not that of its polls");
    assert_eq!((fetch.calls_with_flops, fetch.calls_without_flops), (1, 0));
    assert_eq!((trace.ops.rows(GroupBy::Name).len(), trace.ops.busy_ns), (2, 30), "what the thread was busy");
}

/// A3: the polls of a described call count where the call was described, on any thread.
#[test]
fn polls_count_with_the_shapes_of_their_call() {
    let mut script = Script::new();
    let op = script.site(Kind::Op, "fetch");
    script.entry(Tag::Task, 0, op, 9).begin(op, 500).end(op, 520).thread("read first");
    script.input(op, Dtype::F32, &[4, 5]);
    script.entry(Tag::Task, FIRST_POLL, op, 9).begin(op, 100).end(op, 110).thread("polled first");
    let trace = Trace::build(script.finish());
    let rows = trace.ops.rows(GroupBy::InputShapes);
    let rows: Vec<_> = rows.into_iter().filter(|row| row.count > 0).collect();
    assert_eq!((rows[0].input_shapes.clone(), rows[0].count, rows[0].polls), (Some(vec![vec![4, 5]]), 1, 2));
    assert_eq!((rows.len(), rows[0].cpu_time), (1, Duration::from_nanos(30)));
}

/// A9: a stage and an op of the same name are not calls of one thing.
#[test]
fn two_kinds_of_one_name_are_two_rows() {
    let mut script = Script::new();
    let (stage, op) = (script.site(Kind::Stage, "decode"), script.site(Kind::Op, "decode"));
    script.begin(stage, 0).begin(op, 10).end(op, 30).end(stage, 100).thread("main");
    let rows = Trace::build(script.finish()).ops.rows(GroupBy::Name);
    let rows: Vec<_> = rows.into_iter().map(|row| (row.kind, row.count, row.cpu_time.as_nanos())).collect();
    assert_eq!(rows, [(Some(Kind::Stage), 1, 100), (Some(Kind::Op), 1, 20)]);
}

#[test]
fn memory_is_the_innermost_rows_and_unknown_without_allocator() {
    let mut script = Script::new();
    let (stage, op) = (script.site(Kind::Stage, "stage"), script.site(Kind::Op, "op"));
    script.begin(stage, 0).memory(Action::Alloc, 0, 10, (0x1000, 4096)).begin(op, 20);
    script.memory(Action::Alloc, 0, 30, (0x3000, 1000)).memory(Action::Free, 0, 40, (0x1000, 4096));
    script.end(op, 50).end(stage, 100).thread("main");
    let has_allocator = Levels { has_allocator: true, ..Levels::default() };
    script.memory = Some(MemoryLog { begin: has_allocator.clone(), end: has_allocator });
    let trace = Trace::build(script.finish());
    let bytes = |name| {
        let row = row(&trace, GroupBy::Name, name);
        (row.self_cpu_memory, row.cpu_memory, row.self_cuda_memory)
    };
    assert_eq!(bytes("stage"), (Some(4096), Some(1000), None));
    assert_eq!(bytes("op"), (Some(-3096), Some(-3096), None));

    let mut script = Script::new();
    let op = script.site(Kind::Op, "op");
    script.begin(op, 0).memory(Action::Alloc, 1, 10, (0x1000, 512)).end(op, 20).thread("main");
    script.memory = Some(MemoryLog::default());
    let on_a_device = row(&Trace::build(script.finish()), GroupBy::Name, "op");
    assert_eq!((on_a_device.self_cpu_memory, on_a_device.self_cuda_memory), (None, Some(512)));
}

#[test]
fn bare_steps_are_counted_on_their_own_row() {
    let mut script = Script::new();
    let op = script.site(Kind::Op, "op");
    script.begin(op, 50).end(op, 70).entry(Tag::StepMark, 0, 0, 100);
    script.begin(op, 240).entry(Tag::StepMark, 0, 0, 250).end(op, 300).thread("main");
    let trace = Trace::build(script.finish());
    let expected = [("op", 2, 80, 80), ("ProfilerStep*", 2, 0, 30)];
    assert_eq!(rows(&trace, GroupBy::Name), expected.map(|(name, n, own, all)| (name.to_owned(), n, own, all)));
    assert_eq!(row(&trace, GroupBy::Name, "ProfilerStep*").wall_time, Some(Duration::from_nanos(250)));
}

#[test]
fn shapes_that_never_repeat_do_not_take_ever_more_memory() {
    let mut script = Script::new();
    let op = script.site(Kind::Op, "reshape");
    for at in 0..70_000 {
        call(&mut script, op, (at, 1), None, (at, at + 1));
    }
    script.thread("main");
    let trace = Trace::build(script.finish());
    assert_eq!(rows(&trace, GroupBy::Name), [("reshape".to_owned(), 70_000, 70_000, 70_000)]);
    assert_eq!(trace.ops.rows(GroupBy::InputShapes).len(), (1 << 16) + 1);
    assert_eq!(trace.ops.merged_calls, 70_000 - (1 << 16));
}

proptest! {
    #[test]
    fn tables_sum_up_to_the_slices_of_the_trace(
        moves in prop::collection::vec((any::<bool>(), any::<u8>(), 0u64..300), 0..300)
    ) {
        let mut script = Script::new();
        let sites = ["a", "b", "c", "d"].map(|name| script.site(Kind::Op, name));
        let (mut now, mut open) = (0, Vec::new());
        for (begins, which, pause) in moves {
            now += pause;
            if begins || open.is_empty() {
                let site = sites[usize::from(which) % sites.len()];
                script.begin(site, now);
                open.push(site);
            } else {
                // A quarter of the ends do not end the innermost range.
                let site = open.remove(if which % 4 == 0 { usize::from(which) % open.len() } else { open.len() - 1 });
                script.end(site, now);
            }
        }
        script.thread("main");
        let trace = Trace::build(script.finish());
        let mut shown = 0;
        trace.walk(0, |slice| shown += slice.self_ns());
        let own = |row: &KeyAverage| row.self_cpu_time.as_nanos() as u64;
        prop_assert_eq!(trace.ops.rows(GroupBy::Name).iter().map(own).sum::<u64>(), shown);
        prop_assert!(trace.ops.busy_ns <= shown.min(trace.end - trace.begin));
        prop_assert_eq!(trace.ops.rows(GroupBy::Name).iter().map(|row| row.count).sum::<u64>(), trace.ranges);
    }
}
