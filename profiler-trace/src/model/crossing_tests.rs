//! Ranges that cross, against the rule: what is around a range is what was open from its begin to
//! its end.

use proptest::prelude::*;

use profiler_core::site::Kind;
use profiler_core::stream::entry::{FIRST_POLL, Tag};
use profiler_core::stream::key::Key;

use super::testing::{EPOCH, LENGTH, Script};
use super::{Slice, StageNode, Trace};

/// `(name, start, end, self time)` of every slice of a thread, by start.
fn slices(trace: &Trace, thread: usize) -> Vec<(&'static str, u64, u64, u64)> {
    let mut slices = Vec::new();
    trace.walk(thread, |slice| {
        slices.push((slice.site.name(), slice.begin - EPOCH, slice.end - EPOCH, slice.self_ns()))
    });
    slices.sort_by_key(|&(_, begin, end, _)| (begin, std::cmp::Reverse(end)));
    slices
}

/// `(name, depth, sum, self time)` of every stage, in order.
fn stages(trace: &Trace) -> Vec<(&'static str, u32, u64, u64)> {
    let of = |node: &StageNode| (node.name(), node.depth, node.sum_ns, node.self_ns());
    trace.stages.in_order().into_iter().map(|(_, node)| of(node)).collect()
}

/// A1: `let mut p = stage!("a"); p = stage!("b"); p = stage!("c")`.
#[test]
fn guards_that_replace_each_other_are_siblings() {
    let mut script = Script::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| script.site(Kind::Stage, name));
    script.guard(a, 100).guard(b, 300).drop_guard(a, 100, 301).guard(c, 700).drop_guard(b, 300, 701);
    script.drop_guard(c, 700, 1000).thread("main");
    let trace = Trace::build(script.finish());
    assert_eq!(slices(&trace, 0), [("a", 100, 301, 201), ("b", 300, 701, 401), ("c", 700, 1000, 300)]);
    assert_eq!(stages(&trace), [("a", 0, 201, 201), ("b", 0, 401, 401), ("c", 0, 300, 300)]);
    assert_eq!(trace.unaccounted_ns, LENGTH - 900);
}

/// A1: two guards of one site, by the identity of each.
#[test]
fn a_site_open_twice_ends_by_identity() {
    let mut script = Script::new();
    let a = script.site(Kind::Stage, "a");
    script.guard(a, 100).guard(a, 200).drop_guard(a, 100, 400).drop_guard(a, 200, 900).thread("main");
    // One inside the other.
    script.guard(a, 100).guard(a, 200).drop_guard(a, 200, 400).drop_guard(a, 100, 900).thread("other");
    let trace = Trace::build(script.finish());
    assert_eq!(slices(&trace, 0), [("a", 100, 400, 300), ("a", 200, 900, 700)]);
    assert_eq!(slices(&trace, 1), [("a", 100, 900, 600), ("a", 200, 400, 200)]);
}

/// A1: the identity wraps around; of two with the same one, the innermost ends.
#[test]
fn of_two_guards_of_one_identity_the_innermost_ends() {
    const WRAP: u64 = 1 << 31;
    let mut script = Script::new();
    let a = script.site(Kind::Stage, "a");
    script.guard(a, 7).guard(a, 50).guard(a, WRAP + 7).drop_guard(a, WRAP + 7, WRAP + 10);
    script.drop_guard(a, 50, WRAP + 20).drop_guard(a, 7, WRAP + 30).thread("main");
    let trace = Trace::build(script.finish());
    let mut ended = Vec::new();
    trace.walk(0, |slice| ended.push((slice.external_id, slice.finished)));
    assert_eq!(ended, [(3, true), (2, true), (1, true)]);
}

/// A1: `r = request("2")` over `r = request("1")`.
#[test]
fn a_request_that_replaces_another_has_its_own_stages() {
    let mut script = Script::new();
    let (request, s) = (script.site(Kind::Request, "request"), script.site(Kind::Stage, "s"));
    let named = |script: &mut Script, name: u8, at| {
        script.request_id(request, &char::from(name).to_string()).guard(request, at);
    };
    named(&mut script, b'1', 100);
    script.begin(s, 110).end(s, 150);
    named(&mut script, b'2', 200);
    script.begin(s, 201).end(s, 203).drop_guard(request, 100, 204).begin(s, 210).end(s, 300);
    script.drop_guard(request, 200, 400).thread("main");
    let trace = Trace::build(script.finish());
    let of = |node: &StageNode| (node.name(), node.calls, node.sum_ns);
    let requests: Vec<_> = trace
        .requests
        .kept
        .iter()
        .map(|each| {
            let stages: Vec<_> = each.stages.in_order().into_iter().map(|(_, node)| of(node)).collect();
            (each.id.as_str(), each.duration(), each.unaccounted_ns, stages)
        })
        .collect();
    assert_eq!(requests, [("1", 104, 64, vec![("s", 1, 40)]), ("2", 200, 108, vec![("s", 2, 92)])]);
}

/// A1: `s = step!("s", i)` in a loop.
#[test]
fn steps_that_replace_each_other_are_one_loop() {
    let mut script = Script::new();
    let step = script.site(Kind::Step, "s");
    script.number(Key::INDEX, step, 0).guard(step, 100);
    for i in 1..4 {
        script.number(Key::INDEX, step, i).guard(step, 100 + 100 * i).drop_guard(step, 100 * i, 101 + 100 * i);
    }
    script.drop_guard(step, 400, 500).thread("main");
    script.context.step_site = Some(step);
    let trace = Trace::build(script.finish());
    let steps: Vec<_> =
        trace.loops[0].steps.iter().map(|step| (step.number, step.index, step.end - step.begin)).collect();
    assert_eq!(trace.loops.len(), 1);
    assert_eq!(steps, [(0, Some(0), 101), (1, Some(1), 101), (2, Some(2), 101), (3, Some(3), 100)]);
    assert!(trace.loops[0].steps.iter().all(|step| step.sequential), "each is a `ProfilerStep#N`");
}

/// A1: two guards over `.await`, each in a future of its own, in one `join!` on one thread.
#[test]
fn a_guard_over_awaits_is_in_its_task_and_around_what_it_does() {
    let mut script = Script::new();
    let [join, one, two] = ["join", "one", "two"].map(|name| script.site(Kind::Stage, name));
    let [a, b, inner] = ["a", "b", "inner"].map(|name| script.site(Kind::Stage, name));
    script.poll(join, 1, 0);
    script.poll(one, 2, 10).guard(a, 20).end(one, 30);
    script.poll(two, 3, 40).guard(b, 50).end(two, 60);
    script.end(join, 70).poll(join, 1, 100);
    script.poll(one, 2, 110).begin(inner, 120).end(inner, 130).drop_guard(a, 20, 140).end(one, 150);
    script.task_end(one, 2, 151).poll(two, 3, 160).drop_guard(b, 50, 170).end(two, 180).task_end(two, 3, 181);
    script.end(join, 190).task_end(join, 1, 191).thread("main");
    let trace = Trace::build(script.finish());
    let tree: Vec<_> = stages(&trace).into_iter().map(|(name, depth, sum, _)| (name, depth, sum)).collect();
    let expected = [("join", 0, 191), ("one", 1, 141), ("a", 2, 120), ("inner", 3, 10), ("two", 1, 141), ("b", 2, 120)];
    assert_eq!(tree, expected);
    let own: Vec<_> = stages(&trace).into_iter().map(|(name, .., own)| (name, own)).collect();
    assert_eq!(own[1..], [("one", 21), ("a", 110), ("inner", 10), ("two", 21), ("b", 120)]);
    let polls: Vec<_> = slices(&trace, 0).into_iter().filter(|(name, ..)| *name == "one").collect();
    assert_eq!(polls, [("one", 10, 30, 10), ("one", 110, 150, 10)], "each keeps its begin and end");
    assert_eq!(trace.ops.busy_ns, 70 + 90, "waiting is no time of the thread, and each moment counts once");
}

/// A3: of two guards that wait together, each has the time in which it did not wait and the other
/// did not run.
#[test]
fn guards_that_wait_together_have_their_own_times() {
    let mut script = Script::new();
    let [task, a, b] = ["task", "a", "b"].map(|name| script.site(Kind::Stage, name));
    script.poll(task, 1, 0).guard(a, 10).guard(b, 20).end(task, 50);
    script.poll(task, 1, 500).drop_guard(b, 20, 520).drop_guard(a, 10, 530).end(task, 540).task_end(task, 1, 541);
    // Crossing each other.
    script.poll(task, 2, 600).guard(a, 610).guard(b, 620).end(task, 650);
    script.poll(task, 2, 800).drop_guard(a, 610, 820).drop_guard(b, 620, 830).end(task, 840).task_end(task, 2, 841);
    script.thread("main");
    let trace = Trace::build(script.finish());
    let own: Vec<_> = slices(&trace, 0).into_iter().map(|(name, begin, _, own)| (name, begin, own)).collect();
    let expected = [
        [("task", 0, 10), ("a", 10, 20), ("b", 20, 50), ("task", 500, 10)],
        [("task", 600, 10), ("a", 610, 60), ("b", 620, 60), ("task", 800, 10)],
    ];
    assert_eq!(own, expected.concat());
}

/// A future that is polled in several places belongs where it was polled first.
#[test]
fn a_task_has_the_place_of_its_first_poll() {
    let mut script = Script::new();
    let [outer, task, inner] = ["outer", "task", "inner"].map(|name| script.site(Kind::Stage, name));
    script.begin(outer, 0).entry(Tag::Task, FIRST_POLL, task, 1).begin(task, 10).end(task, 20).end(outer, 30);
    script.poll(task, 1, 40).begin(inner, 41).end(inner, 45).end(task, 50).task_end(task, 1, 51).thread("main");
    let trace = Trace::build(script.finish());
    let tree: Vec<_> = stages(&trace).into_iter().map(|(name, depth, sum, _)| (name, depth, sum)).collect();
    assert_eq!(tree, [("outer", 0, 30), ("task", 1, 41), ("inner", 2, 4)]);
}

/// A1: a cancelled future drops its guards between polls; a guard that it returns outlives it.
#[test]
fn guards_end_between_polls_and_after_their_task() {
    let mut script = Script::new();
    let [outer, task, a, b] = ["outer", "task", "a", "b"].map(|name| script.site(Kind::Stage, name));
    script.begin(outer, 0);
    script.poll(task, 1, 10).guard(a, 20).guard(b, 25).end(task, 30).drop_guard(b, 25, 40).drop_guard(a, 20, 41);
    script.entry(Tag::Task, 0, task, 1).entry(Tag::TaskEnd, 0, task, 42);
    script.poll(task, 2, 50).guard(a, 60).end(task, 70).task_end(task, 2, 71).begin(b, 72).end(b, 74);
    script.drop_guard(a, 60, 80).end(outer, 90).thread("main");
    let trace = Trace::build(script.finish());
    let tree: Vec<_> = stages(&trace).into_iter().map(|(name, depth, sum, _)| (name, depth, sum)).collect();
    let expected = [("outer", 0, 90), ("task", 1, 53), ("a", 2, 21), ("b", 3, 15), ("a", 1, 20), ("b", 2, 2)];
    assert_eq!(tree, expected);
}

/// A1: what a cancelled future held is not its self time.
#[test]
fn a_guard_that_ends_between_polls_covers_its_task() {
    let mut script = Script::new();
    let [task, a, b] = ["task", "a", "b"].map(|name| script.site(Kind::Stage, name));
    script.poll(task, 1, 10).guard(a, 20).guard(b, 25).end(task, 30);
    script.drop_guard(b, 25, 60).drop_guard(a, 20, 100);
    script.entry(Tag::Task, 0, task, 1).entry(Tag::TaskEnd, 0, task, 101).thread("main");
    // Both the task and what it holds are alive at the end.
    script.poll(task, 2, 200).guard(a, 250).end(task, 300).thread("other");
    let trace = Trace::build(script.finish());
    let first = stages(&trace);
    assert_eq!(first[0], ("task", 0, 91 + LENGTH - 200, 11 + 50));
    assert_eq!(first[1..], [("a", 1, 80 + LENGTH - 250, 45 + LENGTH - 250), ("b", 2, 35, 35)]);
}

/// A1: crossing stages of a request cover it once.
#[test]
fn stages_that_cross_cover_their_request_once() {
    let mut script = Script::new();
    let [a, b] = ["a", "b"].map(|name| script.site(Kind::Stage, name));
    let request = script.site(Kind::Request, "request");
    script.guard(request, 100).guard(a, 110).guard(b, 120).drop_guard(a, 110, 150).drop_guard(b, 120, 180);
    script.drop_guard(request, 100, 200).thread("main");
    let trace = Trace::build(script.finish());
    assert_eq!(trace.requests.kept[0].unaccounted_ns, 30);
}

/// A1: a stage inside one that outlives the request belongs to the request directly.
#[test]
fn a_stage_around_that_outlives_the_request_is_no_stage_of_it() {
    let mut script = Script::new();
    let [a, b] = ["a", "b"].map(|name| script.site(Kind::Stage, name));
    let request = script.site(Kind::Request, "request");
    script.guard(request, 100).guard(a, 110).guard(b, 120).drop_guard(b, 120, 150);
    script.drop_guard(request, 100, 200).drop_guard(a, 110, 300).thread("main");
    let trace = Trace::build(script.finish());
    assert_eq!(trace.requests.kept[0].unaccounted_ns, 70);
}

/// A1: leaked guards stay open to the end, and what ran in them belongs to them.
#[test]
fn a_leaked_guard_ends_with_the_recording() {
    let mut script = Script::new();
    let [f, leaked, after] = ["f", "leaked", "after"].map(|name| script.site(Kind::Stage, name));
    script.begin(f, 10).guard(leaked, 20).end(f, 30).begin(after, 40).end(after, 50).thread("main");
    let trace = Trace::build(script.finish());
    let own = LENGTH - 30;
    assert_eq!(slices(&trace, 0), [("f", 10, 30, 20), ("leaked", 20, LENGTH, own), ("after", 40, 50, 10)]);
    assert_eq!(trace.losses.unfinished, 1);
    assert_eq!(trace.unaccounted_ns, 10);
}

/// One range in the form that the rule needs.
#[derive(Clone, Debug)]
struct Range {
    kind: Kind,
    begin: u64,
    end: u64,
    /// Positions of its start and end among all, which order those of the same time.
    at: (usize, usize),
}

impl Range {
    fn is_stage(&self) -> bool {
        matches!(self.kind, Kind::Stage | Kind::Step)
    }
}

/// Returns the innermost range of the kind around a range; `of` is its index in `all`, which is
/// sorted by start.
fn around(all: &[Range], of: usize, is: impl Fn(&Range) -> bool) -> Option<usize> {
    let range = &all[of];
    (0..of).rev().find(|&at| is(&all[at]) && all[at].at.0 < range.at.0 && all[at].at.1 > range.at.1)
}

/// Returns `length` without the union of the ranges directly inside.
fn own(all: &[Range], of: Option<usize>, is: impl Fn(&Range) -> bool + Copy, length: u64) -> u64 {
    let mut inside: Vec<_> = (0..all.len())
        .filter(|&at| is(&all[at]) && around(all, at, is) == of)
        .map(|at| (all[at].begin, all[at].end))
        .collect();
    inside.sort_unstable();
    length - super::intervals::union_length(vec![inside.into_iter()])
}

/// Moves of a thread: begins a range of one of six sites, or ends one of the open ones.
fn moves() -> impl Strategy<Value = Vec<(bool, u8, u8, u16)>> {
    prop::collection::vec((any::<bool>(), any::<u8>(), any::<u8>(), 0u16..300), 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A1: holds for any order in which guards are dropped.
    #[test]
    fn random_guards_are_where_the_rule_puts_them(moves in moves()) {
        const KINDS: [Kind; 6] = [Kind::Stage, Kind::Stage, Kind::Op, Kind::Op, Kind::Request, Kind::Step];
        let mut script = Script::new();
        let sites: Vec<_> = KINDS.iter().zip(0..).map(|(kind, n)| script.site(*kind, &format!("{n}"))).collect();
        let (mut now, mut all, mut open) = (0u64, Vec::new(), Vec::new());
        for (at, (begins, which, back, pause)) in moves.into_iter().enumerate() {
            now += u64::from(pause);
            if begins || open.is_empty() {
                let site = usize::from(which) % sites.len();
                // Two with the same site and time are indistinguishable, which is correct.
                now += 1;
                script.guard(sites[site], now);
                open.push((all.len(), site));
                all.push(Range { kind: KINDS[site], begin: now, end: LENGTH, at: (at, usize::MAX - all.len()) });
            } else {
                let (range, site) = open.remove(open.len() - 1 - usize::from(back) % open.len().min(3));
                let Range { begin, end, at: (_, ended), .. } = &mut all[range];
                (*end, *ended) = (now, at);
                script.drop_guard(sites[site], *begin, now);
            }
        }
        script.thread("main");
        let trace = Trace::build(script.finish());
        let mut shown: Vec<Slice> = Vec::new();
        trace.walk(0, |slice| shown.push(slice.clone()));
        shown.sort_by_key(|slice| slice.external_id);
        prop_assert_eq!(shown.len(), all.len());
        for (at, (slice, range)) in shown.iter().zip(&all).enumerate() {
            prop_assert_eq!((slice.begin - EPOCH, slice.end - EPOCH), (range.begin, range.end));
            let id = |place: Option<usize>| place.map_or(0, |place| place as u64 + 1);
            prop_assert_eq!(slice.around_id, id(around(&all, at, |_| true)));
            prop_assert_eq!(slice.request, id(around(&all, at, |r| r.kind == Kind::Request)));
            let stage = around(&all, at, Range::is_stage);
            let stage = if range.is_stage() { Some(at) } else { stage };
            prop_assert_eq!(slice.stage_id, id(stage));
            prop_assert_eq!(slice.self_ns(), own(&all, Some(at), |_| true, range.end - range.begin));
        }
        let stages = || all.iter().zip(0..).filter(|(range, _)| range.is_stage());
        let by_stages: u64 =
            stages().map(|(range, at)| own(&all, Some(at), Range::is_stage, range.end - range.begin)).sum();
        prop_assert_eq!(trace.stages.in_order().iter().map(|(_, node)| node.self_ns()).sum::<u64>(), by_stages);
        prop_assert_eq!(trace.unaccounted_ns, own(&all, None, Range::is_stage, LENGTH));
        let depth = |at: usize| std::iter::successors(Some(at), |at| around(&all, *at, Range::is_stage)).count();
        let depths: usize = stages().map(|(_, at)| depth(at) - 1).sum();
        let depth_sum: u64 = trace.stages.in_order().iter().map(|(_, node)| node.calls * u64::from(node.depth)).sum();
        prop_assert_eq!(depth_sum, depths as u64);
        check_rows(&shown)?;
        check_edges(&trace)?;
    }
}

/// Slices of a row nest or are disjoint.
fn check_rows(shown: &[Slice]) -> Result<(), TestCaseError> {
    for (at, one) in shown.iter().enumerate() {
        for other in shown[at + 1..].iter().filter(|other| other.lane == one.lane) {
            let apart = one.end <= other.begin || other.end <= one.begin;
            let nested = one.begin <= other.begin && other.end <= one.end;
            prop_assert!(apart || nested, "{one:?} crosses {other:?}");
        }
    }
    Ok(())
}

/// Checks that on every lane an end belongs to the innermost open start.
fn check_edges(trace: &Trace) -> Result<(), TestCaseError> {
    let (mut lanes, mut is_right) = (vec![Vec::new(); 1 + trace.threads[0].lanes as usize], true);
    trace.begin_edges(0).until(|edge| {
        let lane = &mut lanes[edge.slice.lane as usize];
        if edge.is_begin {
            lane.push(edge.slice.external_id);
        } else {
            is_right &= lane.pop() == Some(edge.slice.external_id);
        }
        false
    });
    prop_assert!(is_right && lanes.iter().all(Vec::is_empty));
    Ok(())
}
