//! `timing_rank*.json`: stage and step times for programs, per request.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use crate::export::facts::gpu::{self, GpuReport, TimesReport};
use crate::export::facts::losses::LossReport;
use crate::export::facts::overhead::Overhead;
use crate::export::facts::spread::Spread;
use crate::export::format::json::{Line, SCHEMA_VERSION, ms, write_indented};
use crate::export::format::utc::iso8601;
use crate::export::memory::report::MemoryReport;
use crate::model::{Request, StageTree, Step, StepLoop, Trace};

use super::pipeline;
use super::stages::{StageReport, reports};

/// Steps of a loop that are listed; all of them are in its spread.
const MAX_STEPS: usize = 10_000;

#[derive(Serialize)]
struct Timing<'a> {
    schema_version: u32,
    session: &'a str,
    rank: u32,
    world_size: u32,
    begin: String,
    end: String,
    begin_unix_ns: u64,
    duration_ms: f64,
    ended_by: &'static str,
    /// Without a request of the program's the session is the only one.
    requests: Vec<RequestReport<'a>>,
    requests_left_out: u64,
    /// Every stage of the session, in whatever request or none.
    stages: Vec<Line<StageReport>>,
    unaccounted_ms: f64,
    loops: Vec<LoopReport>,
    /// Where memory was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<MemoryReport>,
    gpu: GpuReport<'a>,
    losses: LossReport<'a>,
    overhead: Overhead,
}

#[derive(Serialize)]
struct RequestReport<'a> {
    request_id: &'a str,
    /// Since the window began.
    begin_ms: f64,
    total_duration_ms: f64,
    /// GPU work that was launched in it.
    #[serde(flatten)]
    gpu: Option<TimesReport>,
    stages: Vec<Line<StageReport>>,
    /// Time in none of the top-level stages.
    unaccounted_ms: f64,
    /// Seconds per pipeline stage, where `pipeline_profiler` is on.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    stage_durations: BTreeMap<&'static str, f64>,
}

#[derive(Serialize)]
struct LoopReport {
    name: &'static str,
    /// Whether it counted the iterations and is `ProfilerStep#N` in the trace.
    drives: bool,
    #[serde(flatten)]
    spread: Spread,
    steps: Vec<Line<StepReport>>,
    steps_left_out: u64,
}

#[derive(Serialize)]
struct StepReport {
    number: u64,
    /// The program's own index.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    begin_ms: f64,
    duration_ms: f64,
}

/// Writes the report.
pub(in crate::export) fn write(trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    let context = &trace.context;
    let timing = Timing {
        schema_version: SCHEMA_VERSION,
        session: &context.session,
        rank: context.rank,
        world_size: context.world_size,
        begin: iso8601(trace.begin),
        end: iso8601(trace.end),
        begin_unix_ns: trace.begin,
        duration_ms: ms(trace.end - trace.begin),
        ended_by: context.ended_by.as_str(),
        requests: requests(trace),
        requests_left_out: trace.requests_left_out,
        stages: reports(trace, &trace.stages),
        unaccounted_ms: ms(trace.unaccounted_ns),
        loops: trace.loops.iter().map(|each| LoopReport::new(each, trace.begin)).collect(),
        memory: MemoryReport::of(trace),
        gpu: GpuReport::of(trace),
        losses: LossReport::new(&trace.losses),
        overhead: Overhead::of(trace),
    };
    write_indented(out, &timing)
}

fn requests(trace: &Trace) -> Vec<RequestReport<'_>> {
    if trace.requests.is_empty() {
        let window = (trace.begin, trace.end);
        return vec![RequestReport::new(trace, &trace.context.session, window, &trace.stages, trace.unaccounted_ns)];
    }
    let reports = trace.requests.iter().map(|request| {
        let Request { id, begin, end, stages, unaccounted_ns, .. } = request;
        RequestReport::new(trace, id, (*begin, *end), stages, *unaccounted_ns)
    });
    reports.collect()
}

impl<'a> RequestReport<'a> {
    fn new(
        trace: &Trace,
        request_id: &'a str,
        (begin, end): (u64, u64),
        stages: &StageTree,
        unaccounted_ns: u64,
    ) -> Self {
        Self {
            request_id,
            begin_ms: ms(begin.saturating_sub(trace.begin)),
            total_duration_ms: ms(end - begin),
            gpu: gpu::of_stage(trace, stages, StageTree::ROOT),
            stages: reports(trace, stages),
            unaccounted_ms: ms(unaccounted_ns),
            stage_durations: stage_durations(stages, trace),
        }
    }
}

fn stage_durations(stages: &StageTree, trace: &Trace) -> BTreeMap<&'static str, f64> {
    let durations = pipeline::durations(stages, &trace.context.config).into_iter();
    durations.map(|stage| (stage.name, stage.ns as f64 / 1e9)).collect()
}

impl LoopReport {
    fn new(each: &StepLoop, window_begin: u64) -> Self {
        let report = |step: &Step| {
            Line(StepReport {
                number: step.number,
                index: step.index,
                begin_ms: ms(step.begin.saturating_sub(window_begin)),
                duration_ms: ms(step.end - step.begin),
            })
        };
        Self {
            name: each.name(),
            drives: each.drives,
            spread: Spread::of(each.steps.iter().map(|step| step.end - step.begin)),
            steps: each.steps.iter().take(MAX_STEPS).map(report).collect(),
            steps_left_out: each.steps.len().saturating_sub(MAX_STEPS) as u64,
        }
    }
}
