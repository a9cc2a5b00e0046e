//! The light report of `perf_dump_path`, in the format of SGLang-diffusion's `--perf-dump-path` and
//! readable by its comparison script.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::export::exporter::{Exporter, Plan};
use crate::export::format::json::{Line, ms, record, write_indented};
use crate::export::format::utc::iso8601;
use crate::export::kind::ArtifactKind;
use crate::model::{ExportOptions, Request, StageNode, StageTree, Step, StepLoop, Trace};

use super::commit::commit_hash;

/// Exporter of the light report.
pub(super) struct PerfDumps;

impl Exporter for PerfDumps {
    fn artifacts(&self) -> &[ArtifactKind] {
        &[ArtifactKind::PerfDump]
    }

    fn plan(&self, plan: &mut Plan<'_>) {
        let context = &plan.trace.context;
        if let Some((_, path)) = self.user_path(&context.options, context.rank) {
            plan.file_at(ArtifactKind::PerfDump, path, None, |trace, _, out| write(trace, out));
        }
    }

    fn user_path(&self, options: &ExportOptions, rank: u32) -> Option<(&'static str, PathBuf)> {
        options.perf_dump_path.as_ref().map(|path| (ArtifactKind::PerfDump.file(), rank_path(path, rank)))
    }
}

/// Returns the path of a rank's report. Rank 0 uses the configured path, others append their
/// number: `perf_rank1.json`.
fn rank_path(path: &Path, rank: u32) -> PathBuf {
    if rank == 0 {
        return path.to_owned();
    }
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("_rank{rank}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// Writes the report: of the request if there was exactly one, otherwise of the whole session.
fn write(trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    let context = &trace.context;
    let session = (context.session.as_str(), trace.begin, trace.end, &trace.stages);
    let (request_id, begin, end, stages) = match trace.requests.only() {
        Some(Request { id, begin, end, stages, .. }) => (id.as_str(), *begin, *end, stages),
        None => session,
    };
    let steps = pipeline_stages(stages).into_iter();
    let inside = |step: &&Step| step.begin >= begin && step.end <= end;
    let denoise_steps = denoising(trace).into_iter().flat_map(|each| each.steps.iter().filter(inside));
    let stage = |node: &StageNode| Line(record! { name: node.name(), duration_ms: ms(node.sum_ns), });
    let step = |(number, step): (usize, &Step)| Line(record! { step: number, duration_ms: ms(step.end - step.begin), });
    let dump = record! {
        timestamp: iso8601(trace.end),
        request_id: request_id,
        commit_hash: commit_hash(),
        tag: "benchmark_dump",
        total_duration_ms: ms(end - begin),
        steps: steps.map(stage).collect::<Vec<_>>(),
        denoise_steps_ms: denoise_steps.enumerate().map(step).collect::<Vec<_>>(),
        memory_checkpoints: record! {},
        meta: record! { session: &context.session, rank: context.rank, world_size: context.world_size, },
    };
    write_indented(out, &dump)
}

/// Returns the stages of the pipeline: the outermost stages, or those inside a single stage that
/// encloses all others.
fn pipeline_stages(tree: &StageTree) -> Vec<&StageNode> {
    let nodes = tree.in_order();
    let at = |depth: u32| -> Vec<&StageNode> {
        nodes.iter().map(|(_, node)| *node).filter(|node| node.depth == depth).collect()
    };
    let mut stages = at(0);
    while let [only] = stages.as_slice() {
        let inner = at(only.depth + 1);
        if inner.is_empty() || inner.iter().any(|node| node.is_step()) {
            break;
        }
        stages = inner;
    }
    stages
}

/// Returns the loop of denoising steps: the loop that `step_of` names, otherwise the loop with the
/// most iterations, because an inner loop has more than an outer one.
fn denoising(trace: &Trace) -> Option<&StepLoop> {
    if trace.context.options.step_of.is_some() {
        return trace.loops.iter().find(|each| each.drives);
    }
    trace.loops.iter().rev().max_by_key(|each| each.steps.len())
}
