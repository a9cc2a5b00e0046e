//! Sentences about a recording for the user: those of the session, and those that only the finished
//! trace shows. A warning says that something was not done as configured; a note explains an effect
//! of the configuration.

use crate::export::ops::averages::MAX_ROWS;
use crate::export::reports::pipeline;
use crate::model::{Context, EndedBy, Trace};

/// Maximum number of sites that get individual sentences for the same mistake.
const MAX_SITES: usize = 8;

/// Returns all warnings of a session.
pub(in crate::export) fn all(trace: &Trace) -> Vec<String> {
    trace.context.warnings.iter().cloned().chain(found(trace)).collect()
}

/// Returns the warnings that the trace shows; the others were logged during the session.
pub fn found(trace: &Trace) -> Vec<String> {
    let ops = merged_calls(trace).into_iter().chain(long_sheets(trace));
    listed_dims(trace).chain(ops).chain(no_iteration(trace)).chain(no_target(trace)).collect()
}

/// Returns all notes of a session.
pub(in crate::export) fn notes(trace: &Trace) -> Vec<String> {
    let options = &trace.context.options;
    let filter = options
        .is_selective()
        .then(|| format!("only {:?} and what runs inside were recorded, as `stages` asks", options.stages));
    trace.context.notes.iter().cloned().chain(filter).collect()
}

/// Returns a sentence for each site whose `shapes(…)` contains a list of `usize`, which are most
/// likely dims rather than a tensor.
fn listed_dims(trace: &Trace) -> impl Iterator<Item = String> + '_ {
    let sentences = trace.listed_dims.iter().take(MAX_SITES).map(|site| {
        let (name, file, line) = (site.name(), site.file(), site.line());
        let place = if file.is_empty() { String::new() } else { format!(" ({file}:{line})") };
        format!(
            "`{name}`{place} records the shape of a list of integers: if these are a tensor's dims, write \
             `Dims(x.dims(), Dtype::F32)`"
        )
    });
    let more = trace.listed_dims.len().saturating_sub(MAX_SITES);
    sentences.chain((more > 0).then(|| format!("{more} more sites record the shapes of lists of integers")))
}

/// Returns a sentence about the calls that the sheets `by_shape` and `by_stack` do not distinguish,
/// if there are any.
fn merged_calls(trace: &Trace) -> Option<String> {
    let calls = trace.ops.merged_calls;
    let sentence = "calls had shapes or stacks beyond the first 65,536 different ones: the operator tables count them \
                    under their names alone; record fewer steps to see them apart";
    (calls > 0).then(|| format!("{calls} {sentence}"))
}

/// Returns a warning if a sheet of the workbook has more rows than are written.
fn long_sheets(trace: &Trace) -> Option<String> {
    let groups = trace.ops.group_count();
    (cfg!(feature = "xlsx") && groups > MAX_ROWS).then(|| {
        format!(
            "names, shapes and stacks make {groups} groups of calls: each sheet of the workbook has its first {MAX_ROWS} rows by \
             self time; `Manifest::key_averages` has all"
        )
    })
}

/// Returns a warning if a session with `max_iterations` counted no iteration.
fn no_iteration(trace: &Trace) -> Option<String> {
    let Context { options, recorded_iterations, ended_by, .. } = &trace.context;
    let is_counted = options.max_iterations > 0 && *recorded_iterations == 0 && *ended_by != EndedBy::Dump;
    (is_counted && trace.ranges > 0).then(|| {
        format!(
            "`max_iterations` is {}, but no iteration ended in the session: put `#[profiled_step]` on the body of the loop, \
             or call `next_step()` after each",
            options.max_iterations
        )
    })
}

/// Returns a warning if the pipeline profiler timed nothing.
fn no_target(trace: &Trace) -> Option<String> {
    let options = &trace.context.options;
    let is_empty = options.pipeline_profiler && trace.ranges > 0 && pipeline::log_lines(trace).is_empty();
    is_empty.then(|| {
        format!(
            "`pipeline_profiler` timed nothing: no stage that ran matches {:?} (`pipeline_targets`)",
            options.pipeline_targets
        )
    })
}
