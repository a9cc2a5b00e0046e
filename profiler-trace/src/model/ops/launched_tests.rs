//! GPU time in operator tables, against recordings made by hand.

use crate::records::gpu::{GpuRecord, MemoryKind, MemoryOp};
use crate::records::unavailable::Unavailable;
use profiler_core::site::Kind;
use profiler_core::stream::entry::{COMPLETED, FIRST_POLL, Tag};
use profiler_core::stream::key::Key;

use super::rows::GroupBy;
use crate::model::gpu::tests::Device;
use crate::model::testing::{EPOCH, Script};
use crate::model::{KeyAverage, Trace};

fn build(mut script: Script, device: Device) -> Trace {
    script.gpu = GpuRecord::Recorded(Box::new(device.0));
    Trace::build(script.finish())
}

fn row(trace: &Trace, name: &str, is_async: bool) -> KeyAverage {
    let rows = trace.ops.rows(GroupBy::Name);
    rows.into_iter().find(|row| row.name == name && row.is_async == is_async && !row.is_cuda).unwrap()
}

/// Self and total GPU time of a row, in nanoseconds.
fn times(row: &KeyAverage) -> (u128, u128) {
    (row.self_cuda_time.unwrap().as_nanos(), row.cuda_time.unwrap().as_nanos())
}

#[test]
fn an_async_range_has_what_its_polls_launched() {
    let mut script = Script::new();
    let (stage, op) = (script.site(Kind::Stage, "fetch"), script.site(Kind::Op, "op"));
    // Positions: 0 task, 1 poll, 2 op, 4 end of the poll … 6 the second poll.
    script.entry(Tag::Task, FIRST_POLL, stage, 9).begin(stage, 100).begin(op, 105).end(op, 110).end(stage, 120);
    script.entry(Tag::Task, 0, stage, 9).begin(stage, 500).end(stage, 520);
    script.entry(Tag::Task, 0, stage, 9).entry(Tag::TaskEnd, COMPLETED, stage, 520).thread("main");
    let mut device = Device::new();
    for (time, position, length) in [((106, 107), 2, 10), ((115, 116), 1, 20), ((505, 506), 6, 40)] {
        let call = device.call(time, Some(position));
        device.kernel(call, 7, (1000 + 100 * position, 1000 + 100 * position + length));
    }
    let trace = build(script, device);
    assert_eq!(times(&row(&trace, "op", false)), (10, 10));
    assert_eq!(times(&row(&trace, "fetch", true)), (60, 70));
}

#[test]
fn bare_steps_have_what_was_launched_between_them() {
    let mut script = Script::new();
    script.entry(Tag::StepMark, 0, 0, 100).entry(Tag::StepMark, 0, 0, 250).thread("main");
    let mut device = Device::new();
    for (call, length) in [(50, 5), (200, 7), (260, 100)] {
        let call = device.call((call, call + 1), None);
        device.kernel(call, 7, (1000 * u64::from(call), 1000 * u64::from(call) + length));
    }
    let trace = build(script, device);
    assert_eq!(times(&row(&trace, "ProfilerStep*", false)), (0, 12), "the third came after the last step");
}

#[test]
fn a_guard_that_outlives_the_range_around_it_counts_once() {
    let mut script = Script::new();
    let [outer, inner, op] = ["outer", "inner", "op"].map(|name| script.site(Kind::Stage, name));
    script.begin(outer, 0).begin(inner, 10).begin(op, 20).end(op, 30).end(outer, 40).begin(op, 50).end(op, 60);
    script.end(inner, 70).thread("main");
    let mut device = Device::new();
    for (position, length) in [(2, 3), (5, 5)] {
        let call = device.call((position * 10 + 2, position * 10 + 3), Some(position));
        device.kernel(call, 7, (1000 * position, 1000 * position + length));
    }
    let trace = build(script, device);
    assert_eq!(times(&row(&trace, "op", false)), (8, 8));
    assert_eq!(times(&row(&trace, "inner", false)), (0, 8));
    assert_eq!(times(&row(&trace, "outer", false)), (0, 0), "what was inside had not ended");
}

#[test]
fn flops_are_per_gpu_second_where_every_call_has_its_time() {
    let mut script = Script::new();
    let [on_gpu, mixed, on_host] = ["gpu", "mixed", "host"].map(|name| script.site(Kind::Op, name));
    for (at, op) in [on_gpu, mixed, mixed, on_host].into_iter().enumerate() {
        // Positions of the starts: 1, 4, 7, 10.
        let begin = 100 * at as u64;
        script.number(Key::FLOPS, op, 1000).begin(op, begin).end(op, begin + 50);
    }
    script.thread("main");
    let mut device = Device::new();
    for position in [1, 4] {
        let call = device.call((position * 33 + 1, position * 33 + 2), Some(position));
        device.kernel(call, 7, (1000 * position, 1000 * position + 200));
    }
    let trace = build(script, device);
    let rate = |name: &str| row(&trace, name, false).flops_per_second;
    assert_eq!((rate("gpu"), rate("mixed"), rate("host")), (Some(5e9), None, Some(2e10)));

    let mut script = Script::new();
    let op = script.site(Kind::Op, "op");
    script.number(Key::FLOPS, op, 1000).begin(op, 0).end(op, 50).thread("main");
    script.gpu = GpuRecord::Absent(Unavailable::surprising("occupied", "another tool has it"));
    let hidden = row(&Trace::build(script.finish()), "op", false);
    assert_eq!((hidden.flops, hidden.flops_per_second, hidden.cuda_time), (Some(1000), None, None));
}

#[test]
fn device_memory_of_cuda_goes_to_the_range_of_the_call() {
    let mut script = Script::new();
    let (stage, op) = (script.site(Kind::Stage, "stage"), script.site(Kind::Op, "op"));
    script.begin(stage, 0).begin(op, 10).end(op, 30).end(stage, 100).thread("main");
    let mut device = Device::new();
    let [taken, kept, given_back] =
        [((15, 16), 1), ((40, 41), 0), ((50, 51), 0)].map(|(t, at)| device.call(t, Some(at)));
    for (correlation, is_free, address, bytes, at) in
        [(taken, false, 1, 512, 15), (kept, false, 2, 64, 40), (given_back, true, 1, 0, 50), (kept, true, 9, 8, 60)]
    {
        let record =
            MemoryOp { is_free, kind: MemoryKind::Device, address, bytes, at: EPOCH + at, device: 0, correlation };
        device.0.memory.push(record);
    }
    let trace = build(script, device);
    let bytes = |name: &str| {
        let row = row(&trace, name, false);
        (row.self_cuda_memory, row.cuda_memory)
    };
    assert_eq!(bytes("op"), (Some(512), Some(512)));
    assert_eq!(bytes("stage"), (Some(64 - 512), Some(64)), "what was taken before the recording is not known");
}
