//! The diffusion pipeline profiler: how long each of `pipeline_targets` took, all calls of a stage
//! together.
//!
//! vLLM-Omni's lines name the pipeline before the stage; here that is the outermost stage around
//! it.

use crate::export::exporter::{Exporter, Plan};
use crate::export::remark::Remark;
use crate::model::{ExportOptions, StageTree, Trace};
use crate::text;

/// The exporter of the lines, to log and manifest.
pub(super) struct Pipeline;

impl Exporter for Pipeline {
    fn plan(&self, plan: &mut Plan<'_>) {
        if plan.trace.context.options.pipeline_profiler {
            plan.elsewhere("the log", |trace, manifest| {
                manifest.pipeline_lines = log_lines(trace);
                Ok(manifest.pipeline_lines.iter().cloned().map(Remark::Info).collect())
            });
        }
    }
}

/// One stage's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::export) struct StageDuration {
    pub(in crate::export) name: &'static str,
    /// Name of the outermost stage, without a trailing `.forward`; empty if that is the stage
    /// itself.
    pub(in crate::export) pipeline: &'static str,
    pub(in crate::export) calls: u64,
    pub(in crate::export) ns: u64,
}

/// Returns the lines for the log, in the order in which the stages first ran; none unless
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

/// Returns the targets that ran in `tree`. A stage inside itself is in its outer call's time
/// already.
pub(in crate::export) fn durations(tree: &StageTree, options: &ExportOptions) -> Vec<StageDuration> {
    let mut durations: Vec<StageDuration> = Vec::new();
    if !options.pipeline_profiler {
        return durations;
    }
    // The names around a stage, outermost first.
    let mut around: Vec<&'static str> = Vec::new();
    for (_, node) in tree.in_order() {
        let name = node.name();
        around.truncate(node.depth as usize);
        let is_inside_itself = around.contains(&name);
        around.push(name);
        if is_inside_itself || node.calls == 0 || !options.times(name) {
            continue;
        }
        match durations.iter_mut().find(|known| known.name == name) {
            Some(known) => {
                known.calls += node.calls;
                known.ns += node.sum_ns;
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
