//! `timing_rank*.json`: stage, step and request times for programs, as `schemas/timing.schema.json` describes them.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use crate::export::format::json::{Line, SCHEMA_VERSION, write_indented};
use crate::export::format::utc::iso8601;
use crate::export::memory::report::MemoryReport;
use crate::export::report_parts::gpu::{self, GpuReport, TimesReport};
use crate::export::report_parts::losses::LossReport;
use crate::export::report_parts::overhead::Overhead;
use crate::export::report_parts::requests::RequestTimes;
use crate::export::report_parts::spread::Spread;
use crate::model::{Request, StageTree, Step, StepLoop, Trace};

use super::pipeline;
use super::stages::{InRequest, StageReport, Stages, is_false};

/// Steps of a loop that are listed; all of them are in its spread.
const MAX_STEPS: usize = 10_000;
/// Threads that are listed.
const MAX_THREADS: usize = 1000;

#[derive(Serialize)]
struct Timing<'a> {
    schema: &'static str,
    schema_version: &'static str,
    session: &'a str,
    rank: u32,
    world_size: u32,
    begin: String,
    end: String,
    begin_unix_ns: u64,
    duration_ns: u64,
    ended_by: &'static str,
    /// Iterations of the driving loop.
    recorded_iterations: u64,
    /// Selection in effect, if not everything was recorded.
    filter: Option<Filter<'a>>,
    /// Every stage of the session, in whatever request or none.
    stages: Vec<Line<StageReport>>,
    /// Time in which no stage ran on any thread; with a filter, or one that was not selected.
    unaccounted_ns: u64,
    /// Seconds per pipeline stage, where `pipeline_profiler` is on.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    stage_durations: BTreeMap<&'static str, f64>,
    loops: Vec<LoopReport>,
    requests: RequestsReport<'a>,
    threads: Vec<Line<ThreadReport<'a>>>,
    threads_left_out: u64,
    /// Where memory was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<MemoryReport>,
    gpu: GpuReport<'a>,
    losses: LossReport<'a>,
    overhead: Overhead,
}

/// The selection in effect: its patterns.
#[derive(Serialize)]
struct Filter<'a> {
    stages: &'a [String],
}

#[derive(Serialize)]
struct RequestsReport<'a> {
    #[serde(flatten)]
    all: RequestTimes,
    /// The slowest, the newest and a random sample, in order of begin.
    kept: Vec<RequestReport<'a>>,
}

#[derive(Serialize)]
struct RequestReport<'a> {
    request_id: &'a str,
    /// Why it is among those kept: `slowest`, `newest`, `sample`.
    kept_as: Vec<&'static str>,
    /// Since the window began.
    begin_ns: u64,
    duration_ns: u64,
    /// Number of a future's request: the `task` of its life in the trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<u64>,
    #[serde(flatten)]
    ending: Ending,
    /// GPU work that was launched in it.
    #[serde(flatten)]
    gpu: Option<TimesReport>,
    stages: Vec<Line<InRequest>>,
    /// Time in none of the top-level stages.
    unaccounted_ns: u64,
    /// As the session's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    stage_durations: BTreeMap<&'static str, f64>,
}

/// Marks of a request that is not whole; false is left out.
#[derive(Serialize)]
struct Ending {
    #[serde(skip_serializing_if = "is_false")]
    cancelled: bool,
    #[serde(skip_serializing_if = "is_false")]
    clipped: bool,
    #[serde(skip_serializing_if = "is_false")]
    unfinished: bool,
}

#[derive(Serialize)]
struct LoopReport {
    name: &'static str,
    /// True if it counted the iterations and is `ProfilerStep#N` in the trace.
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
    begin_ns: u64,
    duration_ns: u64,
}

#[derive(Serialize)]
struct ThreadReport<'a> {
    /// The operating system's id; 0 for a row that threads share.
    id: u64,
    name: &'a str,
    ranges: u64,
}

/// Writes the report.
pub(super) fn write(trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    let context = &trace.context;
    let stages = Stages::of(trace);
    let timing = Timing {
        schema: "timing",
        schema_version: SCHEMA_VERSION,
        session: &context.session,
        rank: context.rank,
        world_size: context.world_size,
        begin: iso8601(trace.begin),
        end: iso8601(trace.end),
        begin_unix_ns: trace.begin,
        duration_ns: trace.end - trace.begin,
        ended_by: context.ended_by.as_str(),
        recorded_iterations: context.recorded_iterations,
        filter: context.options.is_selective().then_some(Filter { stages: &context.options.stages }),
        requests: RequestsReport::new(trace, &stages),
        stages: stages.reports,
        unaccounted_ns: trace.unaccounted_ns,
        stage_durations: stage_durations(&trace.stages, trace),
        loops: trace.loops.iter().map(|each| LoopReport::new(each, trace.begin)).collect(),
        threads: threads(trace),
        threads_left_out: trace.threads.len().saturating_sub(MAX_THREADS) as u64,
        memory: MemoryReport::of(trace),
        gpu: GpuReport::of(trace),
        losses: LossReport::new(&trace.losses),
        overhead: Overhead::of(trace),
    };
    write_indented(out, &timing)
}

fn threads(trace: &Trace) -> Vec<Line<ThreadReport<'_>>> {
    let threads = trace.threads.iter().take(MAX_THREADS);
    let reports = threads.map(|thread| {
        let identity = &thread.identity;
        Line(ThreadReport { id: identity.os_id, name: &identity.name, ranges: thread.ranges })
    });
    reports.collect()
}

fn stage_durations(stages: &StageTree, trace: &Trace) -> BTreeMap<&'static str, f64> {
    let durations = pipeline::durations(stages, &trace.context.options).into_iter();
    durations.map(|stage| (stage.name, stage.ns as f64 / 1e9)).collect()
}

impl<'a> RequestsReport<'a> {
    fn new(trace: &'a Trace, stages: &Stages) -> Self {
        let kept = trace.requests.kept.iter().map(|request| RequestReport::new(trace, request, stages));
        Self { all: RequestTimes::of(&trace.requests), kept: kept.collect() }
    }
}

impl<'a> RequestReport<'a> {
    fn new(trace: &Trace, request: &'a Request, stages: &Stages) -> Self {
        Self {
            request_id: &request.id,
            kept_as: request.kept_as.words().collect(),
            begin_ns: request.begin.saturating_sub(trace.begin),
            duration_ns: request.duration(),
            task: request.task,
            ending: Ending { cancelled: request.cancelled, clipped: request.clipped, unfinished: !request.finished },
            gpu: gpu::of_stage(trace, &request.stages, StageTree::ROOT),
            stages: stages.of_request(trace, request),
            unaccounted_ns: request.unaccounted_ns,
            stage_durations: stage_durations(&request.stages, trace),
        }
    }
}

impl LoopReport {
    fn new(each: &StepLoop, window_begin: u64) -> Self {
        let report = |step: &Step| {
            Line(StepReport {
                number: step.number,
                index: step.index,
                begin_ns: step.begin.saturating_sub(window_begin),
                duration_ns: step.end - step.begin,
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
