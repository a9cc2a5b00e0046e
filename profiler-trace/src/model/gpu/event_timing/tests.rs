//! Ranges timed by events, against recordings made by hand.

use crate::model::testing::{EPOCH, Script};
use crate::model::{Gpu, Trace};
use crate::records::events::{EventContext, EventLog, Sample};
use crate::records::gpu::GpuRecord;
use crate::records::unavailable::Unavailable;
use profiler_core::hooks::gpu_time::Measured;
use profiler_core::site::Kind;
use profiler_core::stream::entry::Tag;

/// One device whose clock started at 1,000 ns of the recording.
fn log(measured: &[Measured]) -> GpuRecord {
    let began = Some(Sample { before: 900, after: 1_100 });
    let contexts = vec![EventContext { device: 0, began, ended: None }];
    let reason = Some(Unavailable::surprising("occupied", "another tool has it"));
    GpuRecord::Timed(Box::new(EventLog { reason, contexts, measured: measured.to_vec(), ..EventLog::default() }))
}

fn tie(script: &mut Script, site: u32, number: u64) {
    script.entry(Tag::Timed, 0, site, number).entry(Tag::OnStream, 0, site, 0x70);
}

fn measured(script: &mut Script, number: u64, begin: u64, length: u32) {
    script.entry(Tag::Measured, 0, length, number).entry(Tag::MeasuredAt, 0, 0, begin);
}

fn spans(gpu: &Gpu) -> Vec<(&str, u64, u64)> {
    gpu.annotations.iter().map(|span| (span.name, span.begin - EPOCH, span.end - span.begin)).collect()
}

#[test]
fn a_measurement_finds_its_range_from_any_thread_and_later() {
    let mut script = Script::new();
    let (stage, op) = (script.site(Kind::Stage, "vae"), script.site(Kind::Op, "conv"));
    script.begin(stage, 10_000);
    tie(&mut script, stage, 41);
    script.begin(op, 11_000);
    tie(&mut script, op, 42);
    script.end(op, 12_000).end(stage, 13_000).begin(stage, 20_000);
    // A number without a measurement, and a range without events.
    tie(&mut script, stage, 43);
    script.end(stage, 21_000).begin(stage, 22_000).end(stage, 23_000).thread("main");
    // For a range before the window, and by another thread.
    measured(&mut script, 7, 500, 100);
    measured(&mut script, 42, 50_000, 20_000);
    script.thread("other");
    script.gpu = log(&[Measured { number: 41, begin_ns: 40_000, length_ns: 90_000 }]);
    let trace = Trace::build(script.finish());
    let gpu = trace.gpu.as_ref().unwrap();
    assert_eq!(spans(gpu), [("vae", 41_000, 90_000), ("conv", 51_000, 20_000)]);
    let stages = trace.stages.in_order();
    assert_eq!((stages[0].1.gpu.ops, stages[0].1.gpu.busy_ns, stages[0].1.calls), (2, 90_000, 3));
    assert_eq!((gpu.total.ops, gpu.unattributed.ops), (2, 0));
    assert_eq!(trace.shown_end(), trace.end, "the GPU was done in the window");
}

#[test]
fn an_op_outside_of_stages_is_nobodys_and_a_request_has_its_own() {
    let mut script = Script::new();
    let (request, stage, op) =
        (script.site(Kind::Request, "request"), script.site(Kind::Stage, "vae"), script.site(Kind::Op, "conv"));
    script.begin(op, 5_000);
    tie(&mut script, op, 1);
    script.end(op, 6_000).begin(request, 10_000).begin(stage, 11_000);
    tie(&mut script, stage, 2);
    script.end(stage, 12_000).end(request, 13_000).thread("main");
    script.gpu = log(&[
        Measured { number: 1, begin_ns: 10_000, length_ns: 5_000 },
        Measured { number: 2, begin_ns: 30_000, length_ns: 7_000 },
    ]);
    let trace = Trace::build(script.finish());
    let gpu = trace.gpu.as_ref().unwrap();
    assert_eq!((gpu.unattributed.busy_ns, gpu.total.busy_ns), (5_000, 12_000));
    assert_eq!(trace.requests.kept[0].stages.node(crate::model::StageTree::ROOT).gpu.busy_ns, 7_000);
}

#[test]
fn half_a_tie_or_half_a_measurement_is_none() {
    let mut script = Script::new();
    let stage = script.site(Kind::Stage, "vae");
    script.begin(stage, 10_000).entry(Tag::Timed, 0, stage, 1).end(stage, 11_000);
    script.entry(Tag::MeasuredAt, 0, 0, 5).entry(Tag::Measured, 0, 50, 1).thread("main");
    script.gpu = log(&[]);
    let trace = Trace::build(script.finish());
    assert_eq!(trace.gpu.as_ref().unwrap().total.ops, 0);
    assert_eq!(trace.losses.unreadable, 0);
}
