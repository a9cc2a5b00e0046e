//! `timing_rank*.json`: stage, step and request times for programs, described by
//! `schemas/timing.schema.json`.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use serde::Serialize;

use crate::export::format::json::{Line, SCHEMA_VERSION, record, unless_empty, write_indented};
use crate::export::format::utc::iso8601;
use crate::export::memory;
use crate::export::report_parts::gpu::{self, GpuReport};
use crate::export::report_parts::losses::LossReport;
use crate::export::report_parts::overhead::Overhead;
use crate::export::report_parts::requests::RequestTimes;
use crate::export::report_parts::spread::Spread;
use crate::model::{NodeId, Request, StageTree, Step, StepLoop, Trace};

use super::{pipeline, stages};

/// Maximum number of listed steps per loop; the spread covers all.
const MAX_STEPS: usize = 10_000;
/// Maximum number of listed threads.
const MAX_THREADS: usize = 1000;

/// Writes the report.
pub(super) fn write(trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    let context = &trace.context;
    let options = &context.options;
    let timing = record! {
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
        // Iterations of the driving loop.
        recorded_iterations: context.recorded_iterations,
        // The selection, if not everything was recorded.
        filter: options.is_selective().then(|| record! { stages: &options.stages, }),
        // All stages of the session, inside and outside of requests.
        stages: stages::session_records(trace),
        // Time in which no stage ran on any thread; with a filter, no selected stage.
        unaccounted_ns: trace.unaccounted_ns,
        // Seconds per pipeline stage, if `pipeline_profiler` is on.
        stage_durations?: unless_empty(stage_durations(&trace.stages, trace)),
        loops: trace.loops.iter().map(|each| step_loop(each, trace.begin)).collect::<Vec<_>>(),
        requests: requests(trace),
        threads: threads(trace),
        threads_left_out: trace.threads.len().saturating_sub(MAX_THREADS),
        // Present if memory was recorded.
        memory?: memory::report::report(trace),
        gpu: GpuReport::new(trace),
        losses: LossReport::host(trace),
        overhead: Overhead::new(trace),
    };
    write_indented(out, &timing)
}

fn threads(trace: &Trace) -> Vec<Line<impl Serialize>> {
    let threads = trace.threads.iter().take(MAX_THREADS);
    let reports = threads.map(|thread| {
        let identity = &thread.identity;
        // The operating system's id; 0 for a row shared by threads.
        Line(record! { id: identity.os_id, name: &identity.name, ranges: thread.ranges, })
    });
    reports.collect()
}

fn stage_durations(stages: &StageTree, trace: &Trace) -> BTreeMap<&'static str, f64> {
    let durations = pipeline::durations(stages, &trace.context.options).into_iter();
    durations.map(|stage| (stage.name, stage.ns as f64 / 1e9)).collect()
}

fn requests(trace: &Trace) -> impl Serialize {
    let ids = stages::ids(trace);
    let kept = trace.requests.kept.iter().map(|each| request(trace, each, &ids));
    record! {
        ..all: RequestTimes::new(&trace.requests),
        // The slowest, the newest and a random sample, in order of start.
        kept: kept.collect::<Vec<_>>(),
    }
}

fn request(trace: &Trace, request: &Request, ids: &HashMap<NodeId, usize>) -> impl Serialize + use<> {
    record! {
        request_id: request.id.clone(),
        // Reasons why it was kept: `slowest`, `newest`, `sample`.
        kept_as: request.kept_as.words().collect::<Vec<_>>(),
        // Relative to the window's start.
        begin_ns: request.begin.saturating_sub(trace.begin),
        duration_ns: request.duration(),
        // Number of a future's request: the argument `task` of its life in the trace.
        task?: request.task,
        // Present on incomplete requests.
        cancelled?: unless_empty(request.cancelled),
        clipped?: unless_empty(request.clipped),
        unfinished?: unless_empty(!request.finished),
        // GPU work launched during the request.
        ..gpu: gpu::stage_times(trace, &request.stages, StageTree::ROOT),
        stages: stages::request_records(trace, request, ids),
        // Time in none of the top-level stages.
        unaccounted_ns: request.unaccounted_ns,
        // As in the session's record.
        stage_durations?: unless_empty(stage_durations(&request.stages, trace)),
    }
}

fn step_loop(each: &StepLoop, window_begin: u64) -> impl Serialize {
    let step = |step: &Step| {
        Line(record! {
            number: step.number,
            // The program's index of the step.
            index?: step.index,
            begin_ns: step.begin.saturating_sub(window_begin),
            duration_ns: step.end - step.begin,
        })
    };
    record! {
        name: each.name(),
        // True if this loop counted the iterations; its steps are `ProfilerStep#N` in the trace.
        drives: each.drives,
        ..spread: Spread::exact(each.steps.iter().map(|step| step.end - step.begin)),
        steps: each.steps.iter().take(MAX_STEPS).map(step).collect::<Vec<_>>(),
        steps_left_out: each.steps.len().saturating_sub(MAX_STEPS),
    }
}
