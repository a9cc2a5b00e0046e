//! The diffusion pipeline profiler: total time of each stage in `pipeline_targets`.
//!
//! vLLM-Omni's log lines name the pipeline before the stage. Here the pipeline is the outermost
//! stage.

use crate::export::exporter::{Exporter, Plan};
use crate::export::remark::Remark;
use crate::model::{ExportOptions, StageTree, Trace};
use crate::text;

/// Exporter of the lines, to the log and the manifest.
pub(super) struct Pipeline;

impl Exporter for Pipeline {
    fn plan(&self, plan: &mut Plan<'_>) {
        if plan.trace.context.options.pipeline_profiler {
            plan.other("the log", |trace, manifest| {
                manifest.pipeline_lines = log_lines(trace);
                Ok(manifest.pipeline_lines.iter().cloned().map(Remark::Info).collect())
            });
        }
    }
}

/// Time of one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::export) struct StageDuration {
    pub(in crate::export) name: &'static str,
    /// Name of the outermost stage, without a trailing `.forward`; empty if it is the stage itself.
    pub(in crate::export) pipeline: &'static str,
    pub(in crate::export) calls: u64,
    pub(in crate::export) ns: u64,
}

/// Returns the lines for the log, in order of the stages' first calls; empty unless
/// `pipeline_profiler` is on.
pub(in crate::export) fn log_lines(trace: &Trace) -> Vec<String> {
    let durations = durations(&trace.stages, &trace.context.options);
    let line = |stage: StageDuration| {
        let (seconds, micros) = (stage.ns / 1_000_000_000, stage.ns / 1000 % 1_000_000);
        let calls = if stage.calls == 1 { String::new() } else { format!(" in {} calls", stage.calls) };
        let dot = if stage.pipeline.is_empty() { "" } else { "." };
        let (pipeline, name) = (text::plain(stage.pipeline), text::plain(stage.name));
        format!("[DiffusionTiming] {pipeline}{dot}{name} took {seconds}.{micros:06}s{calls}")
    };
    durations.into_iter().map(line).collect()
}

/// Returns the targets that ran in `tree`. A recursive stage is counted only with its outermost
/// call, whose time includes the others.
pub(in crate::export) fn durations(tree: &StageTree, options: &ExportOptions) -> Vec<StageDuration> {
    let mut durations: Vec<StageDuration> = Vec::new();
    if !options.pipeline_profiler {
        return durations;
    }
    // Names of the stages around a stage, outermost first.
    let mut around: Vec<&'static str> = Vec::new();
    for (_, node) in tree.in_order() {
        let name = node.name();
        around.truncate(node.depth as usize);
        let is_recursive = around.contains(&name);
        around.push(name);
        if is_recursive || node.calls == 0 || !options.times(name) {
            continue;
        }
        match durations.iter_mut().find(|existing| existing.name == name) {
            Some(existing) => {
                existing.calls += node.calls;
                existing.ns += node.sum_ns;
            }
            None => {
                let pipeline = if node.depth == 0 { "" } else { around[0] };
                let pipeline = pipeline.strip_suffix(".forward").unwrap_or(pipeline);
                durations.push(StageDuration { name, pipeline, calls: node.calls, ns: node.sum_ns });
            }
        }
    }
    durations
}
