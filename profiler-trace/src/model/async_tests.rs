//! Async stages against recordings made by hand: what is their own, what they cover, and what of
//! them is missing.

use profiler_core::site::Kind;
use profiler_core::stream::entry::{COMPLETED, FIRST_POLL, Tag};

use super::stages::StageNode;
use super::testing::{LENGTH, Script};
use super::{StageTree, Trace};

/// An empty poll of a task.
fn poll(script: &mut Script, site: u32, task: u64, first: bool, (begin, end): (u64, u64)) {
    begin_poll(script, site, task, first, begin);
    script.end(site, end);
}

fn begin_poll(script: &mut Script, site: u32, task: u64, first: bool, begin: u64) {
    script.entry(Tag::Task, if first { FIRST_POLL } else { 0 }, site, task).begin(site, begin);
}

fn end_task(script: &mut Script, site: u32, task: u64, outcome: u32, at: u64) {
    script.entry(Tag::Task, 0, site, task).entry(Tag::TaskEnd, outcome, site, at);
}

fn node<'a>(tree: &'a StageTree, name: &str) -> &'a StageNode {
    tree.in_order().into_iter().find(|(_, node)| node.name() == name).map(|(_, node)| node).unwrap()
}

/// `outer` polls two futures `a` and `b` that wait at the same time, then computes.
fn joined(script: &mut Script, outer: u32, around: u64) {
    let [a, b] = ["a", "b"].map(|name| script.site(Kind::Stage, name));
    begin_poll(script, outer, 1, true, around);
    poll(script, a, 2, true, (around + 10, around + 20));
    poll(script, b, 3, true, (around + 20, around + 30));
    script.end(outer, around + 30);
    begin_poll(script, outer, 1, false, around + 400);
    poll(script, a, 2, false, (around + 400, around + 410));
    end_task(script, a, 2, COMPLETED, around + 410);
    poll(script, b, 3, false, (around + 410, around + 420));
    end_task(script, b, 3, COMPLETED, around + 420);
    script.end(outer, around + 720);
    end_task(script, outer, 1, COMPLETED, around + 720);
}

#[test]
fn a_life_is_on_the_lane_of_the_one_it_lies_in() {
    let mut script = Script::new();
    let outer = script.site(Kind::Stage, "outer");
    joined(&mut script, outer, 100);
    script.thread("main");
    let trace = Trace::build(script.finish());
    let lanes: Vec<_> = trace.tasks.iter().map(|task| (task.site.name(), task.lane())).collect();
    assert_eq!(lanes, [("outer", 1), ("a", 1), ("b", 2)]);
}

/// A2: children that wait at the same time are counted once.
#[test]
fn own_time_is_the_life_without_the_union_of_lives_in_it() {
    let mut script = Script::new();
    let outer = script.site(Kind::Stage, "outer");
    joined(&mut script, outer, 100);
    script.thread("main");
    let trace = Trace::build(script.finish());
    let outer = node(&trace.stages, "outer");
    // 10 before the first poll of `a`, 300 after the end of `b`.
    assert_eq!((outer.sum_ns, outer.self_ns(), outer.busy_ns, outer.polls, outer.lives), (720, 310, 350, 2, 1));
    assert!(!outer.concurrent);
    let (a, b) = (node(&trace.stages, "a"), node(&trace.stages, "b"));
    assert_eq!((a.sum_ns, b.sum_ns, a.self_ns(), a.concurrent, b.concurrent), (400, 400, 400, true, true));
    assert_eq!(trace.unaccounted_ns, LENGTH - 720);
}

/// A2: the same if a sync stage drives the futures, and next to a sync stage inside it.
#[test]
fn own_time_of_a_blocking_stage_is_without_the_lives_in_it() {
    let mut script = Script::new();
    let (block, sync) = (script.site(Kind::Stage, "block_on"), script.site(Kind::Stage, "sync"));
    let fetch = script.site(Kind::Stage, "fetch");
    script.begin(block, 100);
    poll(&mut script, fetch, 1, true, (110, 120));
    // Half of it while `fetch` waits, which ends at 210.
    script.begin(sync, 190);
    end_task(&mut script, fetch, 1, 0, 210);
    script.end(sync, 230).end(block, 300).thread("main");
    let trace = Trace::build(script.finish());
    let block = node(&trace.stages, "block_on");
    assert_eq!((block.sum_ns, block.self_ns(), block.lives), (200, 10 + 70, 0));
    assert_eq!((node(&trace.stages, "fetch").cancelled, node(&trace.stages, "fetch").sum_ns), (1, 100));
}

/// A future that continues elsewhere takes only the time inside the stage that it began in.
#[test]
fn a_life_that_outlasts_its_stage_is_clipped_to_it() {
    let mut script = Script::new();
    let (spawns, job) = (script.site(Kind::Stage, "spawns"), script.site(Kind::Stage, "job"));
    script.begin(spawns, 100);
    poll(&mut script, job, 1, true, (120, 130));
    script.end(spawns, 150).thread("a");
    poll(&mut script, job, 1, false, (500, 510));
    end_task(&mut script, job, 1, COMPLETED, 510);
    script.thread("b");
    let trace = Trace::build(script.finish());
    assert_eq!(node(&trace.stages, "spawns").self_ns(), 20);
    assert_eq!(trace.unaccounted_ns, LENGTH - 410);
}

/// A5: the time outside all stages does not depend on the number of calls.
#[test]
fn unaccounted_of_a_request_counts_every_life() {
    let mut script = Script::new();
    let (request, call) = (script.site(Kind::Request, "request"), script.site(Kind::Stage, "call"));
    let calls = 3000;
    begin_poll(&mut script, request, 9_999, true, 0);
    for each in 0..calls {
        let at = each * 100;
        poll(&mut script, call, each + 1, true, (at, at + 10));
        if each > 0 {
            end_task(&mut script, call, each, COMPLETED, at + 50);
        }
    }
    end_task(&mut script, call, calls, COMPLETED, calls * 100 + 50);
    script.end(request, calls * 100 + 50);
    end_task(&mut script, request, 9_999, COMPLETED, 400_000);
    script.thread("main");
    let trace = Trace::build(script.finish());
    assert_eq!(trace.requests.kept[0].unaccounted_ns, 400_000 - (calls * 100 + 50));
    let call = node(&trace.requests.kept[0].stages, "call");
    assert_eq!((call.lives, call.concurrent, call.self_ns()), (calls, true, calls * 150));
    assert_eq!(trace.unaccounted_ns, LENGTH - (calls * 100 + 50));
}

/// The self times of a request's stages are those of the session's.
#[test]
fn own_times_of_a_request_are_those_of_the_session() {
    let mut script = Script::new();
    let (request, outer) = (script.site(Kind::Request, "request"), script.site(Kind::Stage, "outer"));
    script.begin(request, 50);
    joined(&mut script, outer, 100);
    script.end(request, 1000).thread("main");
    let trace = Trace::build(script.finish());
    assert_eq!(node(&trace.requests.kept[0].stages, "outer").self_ns(), 310);
    assert_eq!(trace.requests.kept[0].unaccounted_ns, 950 - 720);
}

/// A6: a future that was polled before the recording is marked as sync ranges are.
#[test]
fn a_life_without_its_first_poll_is_clipped() {
    let mut script = Script::new();
    let fetch = script.site(Kind::Stage, "fetch");
    poll(&mut script, fetch, 1, false, (100, 110));
    end_task(&mut script, fetch, 1, COMPLETED, 200);
    poll(&mut script, fetch, 2, true, (300, 310));
    end_task(&mut script, fetch, 2, COMPLETED, 310);
    script.thread("main");
    let trace = Trace::build(script.finish());
    assert_eq!(trace.tasks.iter().map(|task| task.clipped).collect::<Vec<_>>(), [true, false]);
    let node = node(&trace.stages, "fetch");
    assert_eq!((node.lives, node.clipped, trace.losses.clipped), (2, 1, 1));
}

/// A span's first enter is an ordinary range until the second shows that the span is a future.
#[test]
fn an_earlier_poll_belongs_to_its_life_as_far_as_it_is_kept() {
    let life = |start: u64| {
        let mut script = Script::new();
        let site = script.site(Kind::Stage, "span");
        script.begin(site, 100).end(site, 130);
        script.entry(Tag::Task, FIRST_POLL, site, 1).pair(Tag::EarlierPoll, 100, 30);
        poll(&mut script, site, 1, false, (200, 220));
        end_task(&mut script, site, 1, COMPLETED, 230);
        script.thread("main");
        let mut recording = script.finish();
        recording.window.start.ticks += start;
        let trace = Trace::build(recording);
        trace.tasks.iter().map(|task| (task.polls, task.busy_ns, task.end - task.begin, task.clipped)).next()
    };
    assert_eq!(life(0), Some((2, 50, 130, false)));
    assert_eq!(life(110), Some((2, 40, 120, true)));
    assert_eq!(life(150), Some((1, 20, 30, true)));
}
