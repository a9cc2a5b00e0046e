//! The model against recordings made by hand, and against random ones.

use proptest::prelude::*;

use profiler_core::shape::Dtype;
use profiler_core::site::Kind;
use profiler_core::stream::entry::{COMPLETED, FIRST_POLL, Tag};
use profiler_core::stream::key::Key;

use super::Trace;
use super::testing::{EPOCH, LENGTH, Script};

/// `(name, start, end, lane)` of every slice of a thread, by start.
fn slices(trace: &Trace, thread: usize) -> Vec<(&'static str, u64, u64, u32)> {
    let mut slices = Vec::new();
    trace.walk(thread, |slice| slices.push((slice.site.name(), slice.begin - EPOCH, slice.end - EPOCH, slice.lane)));
    slices.sort_by_key(|&(_, begin, end, _)| (begin, std::cmp::Reverse(end)));
    slices
}

fn stage(trace: &Trace, name: &str) -> (u64, u64, u64, u64) {
    let node = trace.stages.in_order().into_iter().find(|(_, node)| node.name() == name).map(|(_, node)| node).unwrap();
    (node.calls, node.sum_ns, node.min_ns, node.max_ns)
}

#[test]
fn a_stage_called_twice_counts_both_calls() {
    let mut script = Script::new();
    let (text, decode) = (script.site(Kind::Stage, "text"), script.site(Kind::Stage, "decode"));
    script
        .begin(text, 10)
        .end(text, 40)
        .begin(text, 50)
        .end(text, 60)
        .begin(decode, 60)
        .end(decode, 1060)
        .thread("main");
    let trace = Trace::build(script.finish());
    assert_eq!(stage(&trace, "text"), (2, 40, 10, 30));
    assert_eq!(stage(&trace, "decode"), (1, 1000, 1000, 1000));
    assert_eq!(trace.unaccounted_ns, LENGTH - 1040);
    assert_eq!(trace.ranges, 3);
}

#[test]
fn ops_are_transparent_in_the_tree_and_child_time_is_direct() {
    let mut script = Script::new();
    let (outer, op, inner) =
        (script.site(Kind::Stage, "outer"), script.site(Kind::Op, "op"), script.site(Kind::Stage, "inner"));
    script.begin(outer, 0).begin(op, 10).begin(inner, 20).end(inner, 30).end(op, 40).end(outer, 100).thread("main");
    let trace = Trace::build(script.finish());
    let tree = trace.stages.in_order();
    assert_eq!(
        tree.iter().map(|(_, node)| (node.name(), node.depth, node.self_ns())).collect::<Vec<_>>(),
        [("outer", 0, 90), ("inner", 1, 10)]
    );
    trace.walk(0, |slice| {
        let own = match slice.site.name() {
            "outer" => 70,
            "op" => 20,
            _ => 10,
        };
        assert_eq!(slice.self_ns(), own);
    });
}

#[test]
fn a_guard_that_outlives_its_parent_moves_to_a_lane() {
    let mut script = Script::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| script.site(Kind::Stage, name));
    script
        .begin(a, 0)
        .begin(b, 10)
        .begin(c, 20)
        .end(a, 30)
        .end(b, 40)
        .end(c, 50)
        .begin(a, 60)
        .end(a, 70)
        .thread("main");
    let trace = Trace::build(script.finish());
    assert_eq!(slices(&trace, 0), [("a", 0, 30, 0), ("b", 10, 40, 1), ("c", 20, 50, 2), ("a", 60, 70, 0)]);
}

#[test]
fn what_is_open_at_the_end_ends_there_and_is_counted() {
    let mut script = Script::new();
    let (a, b) = (script.site(Kind::Stage, "a"), script.site(Kind::Stage, "b"));
    script.end(b, 5).begin(a, 10).begin(b, 20).thread("main");
    let trace = Trace::build(script.finish());
    assert_eq!(slices(&trace, 0), [("a", 10, LENGTH, 0), ("b", 20, LENGTH, 0)]);
    assert_eq!((trace.losses.unfinished, trace.losses.began_before), (2, 1));
}

#[test]
fn the_driving_loop_counts_from_the_first_recorded_iteration() {
    let mut script = Script::new();
    let (step, other) = (script.site(Kind::Step, "denoise"), script.site(Kind::Step, "chunk"));
    for at in [100, 200, 300] {
        script
            .number(Key::INDEX, step, at / 100)
            .begin(step, at)
            .begin(other, at + 1)
            .end(other, at + 2)
            .end(step, at + 50);
    }
    script.thread("main");
    script.context.step_site = Some(step);
    script.context.first_step = 3;
    let trace = Trace::build(script.finish());
    let mut named = Vec::new();
    trace.walk(0, |slice| named.extend(trace.profiler_step(slice).map(|number| (number, slice.args().index()))));
    assert_eq!(named, [(3, Some(1)), (4, Some(2)), (5, Some(3))]);
    assert_eq!(
        trace.loops.iter().map(|each| (each.name(), each.drives, each.steps.len())).collect::<Vec<_>>(),
        [("denoise", true, 3), ("chunk", false, 3)]
    );
}

#[test]
fn bare_step_calls_are_steps_from_one_call_to_the_next() {
    let mut script = Script::new();
    script.entry(Tag::StepMark, 0, 0, 100).entry(Tag::StepMark, 0, 0, 250).thread("main");
    let trace = Trace::build(script.finish());
    let steps: Vec<_> =
        trace.loops[0].steps.iter().map(|step| (step.number, step.begin - EPOCH, step.end - EPOCH)).collect();
    assert_eq!((trace.loops[0].drives, steps), (true, vec![(0, 0, 100), (1, 100, 250)]));
}

#[test]
fn a_task_lives_across_threads_and_its_polls_are_busy_slices() {
    let mut script = Script::new();
    let (serve, inner) = (script.site(Kind::Stage, "serve"), script.site(Kind::Stage, "inner"));
    script
        .entry(Tag::Task, FIRST_POLL, serve, 9)
        .begin(serve, 100)
        .begin(inner, 110)
        .end(inner, 120)
        .end(serve, 130)
        .thread("a");
    script.entry(Tag::Task, 0, serve, 9).begin(serve, 500).end(serve, 520);
    script.entry(Tag::Task, 0, serve, 9).entry(Tag::TaskEnd, COMPLETED, serve, 521).thread("b");
    let trace = Trace::build(script.finish());
    let task = trace.tasks.iter().next().unwrap();
    assert_eq!(
        (task.begin - EPOCH, task.end - EPOCH, task.busy_ns, task.polls, task.completed),
        (100, 521, 50, 2, true)
    );
    assert_eq!(stage(&trace, "serve"), (1, 421, 421, 421));
    assert_eq!(trace.stages.in_order()[1].1.depth, 1, "inner ran inside serve");
    assert_eq!(trace.unaccounted_ns, LENGTH - 421);
}

#[test]
fn a_request_has_the_stages_that_ran_in_it() {
    let mut script = Script::new();
    let (request, outer, a) =
        (script.site(Kind::Request, "request"), script.site(Kind::Stage, "server"), script.site(Kind::Stage, "a"));
    script.begin(outer, 0);
    for (id, at) in [("first-request", 100), ("ü2", 300)] {
        script.request_id(request, id).begin(request, at).begin(a, at + 10).end(a, at + 20).end(request, at + 100);
    }
    script.end(outer, 900).thread("main");
    let trace = Trace::build(script.finish());
    let requests: Vec<_> = trace
        .requests
        .kept
        .iter()
        .map(|each| {
            (
                each.id.as_str(),
                each.duration(),
                each.unaccounted_ns,
                each.stages.in_order().iter().filter(|(_, node)| node.calls > 0).count(),
            )
        })
        .collect();
    assert_eq!(requests, [("first-request", 100, 90, 1), ("ü2", 100, 90, 1)]);
    assert_eq!(trace.stages.node(trace.stages.in_order()[1].0).name(), "a");
}

#[test]
fn shapes_flops_and_strides_reach_the_op_they_were_said_of() {
    let mut script = Script::new();
    let (linear, other) = (script.site(Kind::Op, "linear"), script.site(Kind::Op, "other"));
    script.input(linear, Dtype::F32, &[4, 5, 6]).number(Key::FLOPS, linear, 240);
    script
        .begin(linear, 10)
        .begin(other, 11)
        .end(other, 12)
        .end(linear, 20)
        .begin(linear, 30)
        .end(linear, 40)
        .thread("main");
    let trace = Trace::build(script.finish());
    let mut seen = Vec::new();
    trace.walk(0, |slice| {
        seen.push((
            slice.site.name(),
            slice.args().flops(),
            slice.args().inputs.iter().map(|input| input.dims().to_vec()).collect::<Vec<_>>(),
        ))
    });
    assert_eq!(seen, [("other", None, vec![]), ("linear", Some(240), vec![vec![4, 5, 6]]), ("linear", None, vec![])]);
}

/// A random thread: `true` begins a range of one of four sites, `false` ends an open one, not
/// always the innermost.
fn thread_of(moves: &[(bool, u8, u16)], script: &mut Script, sites: &[u32]) -> u64 {
    let (mut now, mut open, mut begun) = (0u64, Vec::new(), 0);
    for &(begins, which, pause) in moves {
        now += u64::from(pause);
        if begins || open.is_empty() {
            let site = sites[usize::from(which) % sites.len()];
            script.begin(site, now);
            open.push(site);
            begun += 1;
        } else {
            let site = open.remove(if which % 4 == 0 { usize::from(which) % open.len() } else { open.len() - 1 });
            script.end(site, now);
        }
    }
    begun
}

proptest! {
    #[test]
    fn slices_of_a_row_nest_or_are_disjoint_and_none_is_lost(
        moves in prop::collection::vec((any::<bool>(), any::<u8>(), 0u16..300), 0..400),
    ) {
        let mut script = Script::new();
        let sites: Vec<u32> = ["a", "b", "c", "d"].map(|name| script.site(Kind::Stage, name)).to_vec();
        let begun = thread_of(&moves, &mut script, &sites);
        script.thread("main");
        let trace = Trace::build(script.finish());
        let mut rows = slices(&trace, 0);
        prop_assert_eq!(rows.len() as u64, begun);
        prop_assert_eq!(trace.ranges, begun);
        rows.sort_by_key(|&(_, begin, end, lane)| (lane, begin, std::cmp::Reverse(end)));
        let mut open: Vec<(u64, u32)> = Vec::new();
        for (_, begin, end, lane) in rows {
            open.retain(|&(until, on)| on == lane && until > begin);
            prop_assert!(open.last().is_none_or(|&(until, _)| end <= until), "{begin}..{end} crosses on lane {lane}");
            open.push((end, lane));
        }
    }
}

#[test]
fn two_places_of_one_name_are_one_stage() {
    let mut script = Script::new();
    let (here, there) = (script.site(Kind::Stage, "text"), script.site(Kind::Stage, "text"));
    script.begin(here, 10).end(here, 20).begin(there, 30).end(there, 70).thread("main");
    let trace = Trace::build(script.finish());
    assert_eq!(trace.stages.in_order().len(), 1);
    assert_eq!(stage(&trace, "text"), (2, 50, 10, 40));
}

#[test]
fn strides_are_those_given_or_row_major() {
    let mut script = Script::new();
    let op = script.site(Kind::Op, "op");
    script.input(op, Dtype::F32, &[4, 5, 6]);
    script.input(op, Dtype::F32, &[3, 2, 2]);
    let second_of_a_pair = (-7_i64) as u64 & ((1 << 56) - 1);
    script.words(Key::STRIDES, op, 1, &[(-3_i64) as u64, second_of_a_pair]);
    script.begin(op, 10).end(op, 20).thread("main");
    let trace = Trace::build(script.finish());
    let mut strides = Vec::new();
    trace.walk(0, |slice| {
        strides.extend(slice.args().inputs.iter().map(|input| input.strides()[..input.dims().len()].to_vec()))
    });
    assert_eq!(strides, [vec![30, 6, 1], vec![1, -3, -7]]);
}
