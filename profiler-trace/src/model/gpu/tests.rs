//! GPU work joined to ranges, against recordings made by hand.

use crate::model::testing::{EPOCH, Script};
use crate::model::{Gpu, GpuTimes, Trace};
use crate::records::gpu::{Api, ApiCall, ClockSample, GpuLog, GpuOp, GpuRecord, Kernel, Work};
use crate::records::unavailable::Unavailable;
use profiler_core::hooks::correlation;
use profiler_core::site::Kind;
use profiler_core::stream::entry::{FIRST_POLL, Tag};
use profiler_core::stream::key::Key;

/// A log under construction; 1 ns of CUPTI's clock is 1 ns of the recording's.
pub(in crate::model) struct Device(pub(in crate::model) GpuLog);

impl Device {
    pub(in crate::model) fn new() -> Self {
        let clock = ClockSample { source_ns: EPOCH, before_ns: EPOCH, after_ns: EPOCH };
        Self(GpuLog { clocks: [clock; 2], names: vec!["kernel".into(), "cuLaunchKernel".into()], ..GpuLog::default() })
    }

    /// Adds a call on the only thread, inside the range that began at `position`, and returns its
    /// correlation.
    pub(in crate::model) fn call(&mut self, (begin, end): (u64, u64), position: Option<u64>) -> u32 {
        let correlation = self.0.calls.len() as u32 + 1;
        let (begin, end) = (EPOCH + begin, EPOCH + end);
        let call = ApiCall { api: Api::Driver, function: 307, name: 1, begin, end, thread: 4001, correlation };
        self.0.calls.push(call);
        self.0.links.extend(position.map(|position| (correlation, correlation::id(1, position))));
        correlation
    }

    pub(in crate::model) fn kernel(&mut self, correlation: u32, stream: u32, (begin, end): (u64, u64)) {
        let (begin, end) = (EPOCH + begin, EPOCH + end);
        let work = Work::Kernel(Kernel::default());
        self.0.ops.push(GpuOp { begin, end, device: 0, context: 1, stream, correlation, graph: (0, 0), work });
    }
}

fn gpu(trace: &Trace) -> &Gpu {
    trace.gpu.as_ref().unwrap()
}

fn gpu_times(trace: &Trace, name: &str) -> GpuTimes {
    trace.stages.in_order().into_iter().find(|(_, node)| node.name() == name).unwrap().1.gpu
}

/// Stream, name, `External id`, and times since [`EPOCH`] of every annotation.
fn spans(trace: &Trace) -> Vec<(u32, &'static str, u64, (u64, u64))> {
    let all = gpu(trace).annotations.iter();
    all.map(|span| (span.stream, span.name, span.external_id, (span.begin - EPOCH, span.end - EPOCH))).collect()
}

#[test]
fn kernels_that_overlap_count_once_in_every_stage_around() {
    let mut script = Script::new();
    let (outer, op, inner) =
        (script.site(Kind::Stage, "outer"), script.site(Kind::Op, "op"), script.site(Kind::Stage, "inner"));
    // Positions: 0 outer, 1 op, 2 inner.
    script.begin(outer, 0).begin(op, 10).begin(inner, 20).end(inner, 60).end(op, 80).end(outer, 100).thread("main");
    let mut device = Device::new();
    let [in_inner, in_op] = [((30, 40), 2), ((70, 75), 1)].map(|(time, at)| device.call(time, Some(at)));
    device.kernel(in_inner, 7, (100, 200));
    device.kernel(in_inner, 13, (150, 250));
    device.kernel(in_op, 7, (300, 310));
    script.gpu = GpuRecord::Recorded(Box::new(device.0));
    let trace = Trace::build(script.finish());
    let (inner, outer) = (gpu_times(&trace, "inner"), gpu_times(&trace, "outer"));
    assert_eq!((inner.ops, inner.busy_ns, inner.span_ns()), (2, 150, 150));
    assert_eq!((outer.ops, outer.busy_ns, outer.span_ns()), (3, 160, 210));
    assert_eq!(gpu(&trace).unattributed, GpuTimes::default());
    let ids: Vec<_> = gpu(&trace).ops.iter().map(|placed| placed.external_id).collect();
    assert_eq!(ids, [3, 3, 2], "ranges are numbered in the order of their starts");
    assert_eq!(
        spans(&trace),
        [
            (7, "outer", 1, (100, 310)),
            (7, "inner", 3, (100, 200)),
            (13, "outer", 1, (150, 250)),
            (13, "inner", 3, (150, 250))
        ],
        "an op's work counts for the stage around it, and a stage's for those around it"
    );
}

/// A14: an annotation spans what was launched anywhere inside its range, and rows nest even if
/// ranges cross.
#[test]
fn a_span_holds_everything_launched_inside_its_range() {
    let mut script = Script::new();
    let [a, b, c, op] = [("a", Kind::Stage), ("b", Kind::Step), ("c", Kind::Stage), ("op", Kind::Op)]
        .map(|(name, kind)| script.site(kind, name));
    // Positions: 0 a, 1 b, 2 op, 3 c, 7 b, 8 op. Neither `a` nor a `b` launches anything itself.
    script.begin(a, 0).begin(b, 10).begin(op, 20).begin(c, 30).end(c, 40).end(op, 50).end(b, 60);
    script.begin(b, 70).begin(op, 80).end(op, 90).end(b, 95).end(a, 100).thread("main");
    let mut device = Device::new();
    let [in_op, in_c, later] =
        [((21, 22), 2), ((31, 32), 3), ((81, 82), 8)].map(|(time, position)| device.call(time, Some(position)));
    device.kernel(in_op, 7, (200, 300));
    device.kernel(in_c, 7, (300, 400));
    device.kernel(later, 7, (400, 500));
    device.kernel(later, 9, (450, 460));
    script.gpu = GpuRecord::Recorded(Box::new(device.0));
    let trace = Trace::build(script.finish());
    assert_eq!(
        spans(&trace),
        [
            (7, "a", 1, (200, 500)),
            (7, "b", 2, (200, 400)),
            (7, "c", 4, (300, 400)),
            (7, "b", 5, (400, 500)),
            (9, "a", 1, (450, 460)),
            (9, "b", 5, (450, 460)),
        ],
        "of equal times the outer one comes first"
    );
    assert!(gpu(&trace).annotations.iter().all(|span| span.lane == 0), "nothing crosses");
}

/// A14: an async range has one span for its whole life, and interleaved ranges on one stream have
/// their own rows.
#[test]
fn the_span_of_an_async_range_is_that_of_all_its_polls() {
    let mut script = Script::new();
    let (work, inner) = (script.site(Kind::Stage, "work"), script.site(Kind::Stage, "inner"));
    // Positions of the inner ranges are 2, 7, 12 and 17, after the task's entry and the poll.
    for (at, (task, flags)) in [(1, FIRST_POLL), (2, FIRST_POLL), (1, 0), (2, 0)].into_iter().enumerate() {
        let at = at as u64 * 100;
        script.entry(Tag::Task, flags, work, task);
        script.begin(work, at).begin(inner, at + 10).end(inner, at + 90).end(work, at + 95);
    }
    script.thread("main");
    let mut device = Device::new();
    for (turn, position) in [2, 7, 12, 17].into_iter().enumerate() {
        let at = turn as u64 * 100;
        let call = device.call((at + 20, at + 21), Some(position));
        device.kernel(call, 7, (at + 1000, at + 1090));
    }
    script.gpu = GpuRecord::Recorded(Box::new(device.0));
    let trace = Trace::build(script.finish());
    let lives: Vec<u64> = trace.tasks.iter().map(|task| task.external_id).collect();
    let of_work: Vec<_> = spans(&trace).into_iter().filter(|span| span.1 == "work").collect();
    assert_eq!(of_work, [(7, "work", lives[0], (1000, 1290)), (7, "work", lives[1], (1100, 1390))]);
    let lanes: Vec<_> = gpu(&trace).annotations.iter().map(|span| (span.name, span.begin - EPOCH, span.lane)).collect();
    let expected = [
        ("work", 1000, 0),
        ("inner", 1000, 0),
        ("work", 1100, 1),
        ("inner", 1100, 1),
        ("inner", 1200, 0),
        ("inner", 1300, 1),
    ];
    assert_eq!(lanes, expected, "a span stays with the one around it");
}

#[test]
fn work_of_no_range_has_a_row_of_its_own_and_is_never_spread() {
    let mut script = Script::new();
    let stage = script.site(Kind::Stage, "stage");
    script.begin(stage, 0).end(stage, 100).thread("main");
    let mut device = Device::new();
    let (with, without) = (device.call((10, 20), Some(0)), device.call((200, 210), None));
    device.kernel(with, 7, (20, 30));
    device.kernel(without, 7, (210, 260));
    device.kernel(99, 7, (300, 301));
    script.gpu = GpuRecord::Recorded(Box::new(device.0));
    let trace = Trace::build(script.finish());
    assert_eq!(gpu_times(&trace, "stage").busy_ns, 10);
    assert_eq!((gpu(&trace).unattributed.ops, gpu(&trace).unattributed.busy_ns), (2, 51));
    assert_eq!(gpu(&trace).total.busy_ns, 61);
}

#[test]
fn polls_and_descriptions_do_not_move_the_place_of_a_begin() {
    let mut script = Script::new();
    let (step, stage) = (script.site(Kind::Step, "step"), script.site(Kind::Stage, "async"));
    // 0 index, 1 step, 2 task, 3 poll.
    script.number(Key::INDEX, step, 5).begin(step, 10).entry(Tag::Task, 1, stage, 1).begin(stage, 20);
    script.end(stage, 40).end(step, 50).thread("main");
    let mut device = Device::new();
    let call = device.call((25, 30), Some(3));
    device.kernel(call, 7, (40, 50));
    script.gpu = GpuRecord::Recorded(Box::new(device.0));
    let trace = Trace::build(script.finish());
    assert_eq!((gpu_times(&trace, "async").ops, gpu_times(&trace, "step").ops), (1, 1));
}

#[test]
fn requests_have_the_gpu_times_of_their_own_stages() {
    let mut script = Script::new();
    let (request, stage) = (script.site(Kind::Request, "request"), script.site(Kind::Stage, "stage"));
    // Positions 0 and 4 are requests, 1 and 5 stages.
    for at in [0, 1000] {
        script.begin(request, at).begin(stage, at + 10).end(stage, at + 90).end(request, at + 100);
    }
    script.thread("main");
    let mut device = Device::new();
    let calls = [((20, 30), 1), ((1020, 1030), 5), ((1095, 1096), 4)].map(|(time, at)| device.call(time, Some(at)));
    for (call, length) in calls.into_iter().zip([5, 7, 100]) {
        device.kernel(call, 7, (2000 + u64::from(call) * 1000, 2000 + u64::from(call) * 1000 + length));
    }
    script.gpu = GpuRecord::Recorded(Box::new(device.0));
    let trace = Trace::build(script.finish());
    let busy = |at: usize| {
        let stages = &trace.requests.kept[at].stages;
        let stage = stages.in_order()[0].1.gpu.busy_ns;
        (stage, stages.node(crate::model::StageTree::ROOT).gpu.busy_ns)
    };
    assert_eq!((busy(0), busy(1)), ((5, 5), (7, 107)));
    assert_eq!(gpu_times(&trace, "stage").busy_ns, 12);
}

#[test]
fn a_futures_request_has_the_gpu_times_of_all_its_polls() {
    let mut script = Script::new();
    let (request, stage) = (script.site(Kind::Request, "request"), script.site(Kind::Stage, "stage"));
    // Two interleaved requests with two polls each: position 1 + 5n is a poll, the next one its
    // stage.
    for (at, (task, flags)) in [(1, FIRST_POLL), (2, FIRST_POLL), (1, 0), (2, 0)].into_iter().enumerate() {
        let at = at as u64 * 1000;
        script.entry(Tag::Task, flags, request, task);
        script.begin(request, at).begin(stage, at + 10).end(stage, at + 90).end(request, at + 100);
    }
    script.thread("main");
    let mut device = Device::new();
    let calls = [(20, 2), (1020, 7), (2020, 12), (3020, 17), (3095, 16)];
    for ((time, position), length) in calls.into_iter().zip([1, 10, 100, 1000, 5000]) {
        let call = device.call((time, time + 1), Some(position));
        device.kernel(call, 7, (10_000 * length, 10_000 * length + length));
    }
    script.gpu = GpuRecord::Recorded(Box::new(device.0));
    let trace = Trace::build(script.finish());
    let busy = trace.requests.kept.iter().map(|request| {
        let stages = &request.stages;
        (
            request.id.as_str(),
            stages.in_order()[0].1.gpu.busy_ns,
            stages.node(crate::model::StageTree::ROOT).gpu.busy_ns,
        )
    });
    assert_eq!(busy.collect::<Vec<_>>(), [("task 1", 101, 101), ("task 2", 1010, 6010)]);
}

#[test]
fn what_is_not_of_the_window_is_left_out_and_what_runs_on_stays() {
    let mut script = Script::new();
    let stage = script.site(Kind::Stage, "stage");
    script.begin(stage, 500).end(stage, 900).thread("main");
    let mut device = Device::new();
    let inside = device.call((999_000, 999_100), None);
    device.kernel(inside, 7, (1_100_000, 1_200_000));
    let after = device.call((1_000_100, 1_000_200), None);
    device.kernel(after, 7, (1_300_000, 1_400_000));
    script.gpu = GpuRecord::Recorded(Box::new(device.0));
    let trace = Trace::build(script.finish());
    assert_eq!((gpu(&trace).ops.len(), gpu(&trace).calls.len()), (1, 1));
    assert_eq!(gpu(&trace).end(), EPOCH + 1_200_000);
}

#[test]
fn arrows_point_forwards_and_a_call_has_at_most_one() {
    let mut script = Script::new();
    script.thread("main");
    let mut device = Device::new();
    let [graph, early] = [(100, 110), (500, 510)].map(|time| device.call(time, None));
    for begin in [200, 300] {
        device.kernel(graph, 7, (begin, begin + 10));
    }
    device.kernel(early, 7, (499, 510));
    script.gpu = GpuRecord::Recorded(Box::new(device.0));
    let trace = Trace::build(script.finish());
    let arrows: Vec<_> = gpu(&trace).calls.iter().map(|placed| placed.launched).collect();
    assert_eq!(arrows, [Some(0), None], "a graph's arrow leads to its first kernel");
    assert_eq!(gpu(&trace).before_launch, 1);
}

#[test]
fn a_trace_without_gpu_says_why() {
    let mut script = Script::new();
    let reason = Unavailable::surprising("occupied", "another tool has it");
    script.gpu = GpuRecord::Absent(reason.clone());
    assert_eq!(Trace::build(script.finish()).gpu.unwrap_err(), reason);
}
