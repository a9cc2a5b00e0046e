//! What the host is told when a session's artifacts are written: where they are, what they lack, and why they are empty.
//!
//! The manifest and the summary say the same; a program that looks at neither reads it in its log, or on standard error.

use std::path::Path;

use crate::export::facts::{losses, warnings};
use crate::export::manifest::{Manifest, Missing};
use crate::logging;
use crate::model::{EndedBy, Trace};
use crate::record;

/// A recording that is shorter and empty was most likely over before anything could run.
const INSTANT_NS: u64 = 10_000_000;

/// Says in one warning what the artifacts lack, if anything, and then where they are.
pub(super) fn announce(manifest: &Manifest, trace: &Trace, folder: &Path) {
    let session = &manifest.session;
    let losses = losses::avoidable(trace);
    let things = losses.len() + manifest.missing.len();
    if things > 0 {
        let said: Vec<String> = losses.into_iter().chain(missing(&manifest.missing)).collect();
        let plural = if things == 1 { "" } else { "s" };
        logging::warn!("session `{session}` lacks {things} thing{plural}: {}", said.join("; "));
    }
    if folder != Path::new("") {
        let files = manifest.artifacts().len();
        logging::notice!("session `{session}`: {files} artifacts are in `{}`", folder.display());
    }
}

/// Returns a sentence for each reason why files are missing: those that share one are named together.
fn missing(files: &[Missing]) -> impl Iterator<Item = String> + '_ {
    files.chunk_by(|one, next| one.reason == next.reason).map(|files| {
        let names: Vec<String> = files.iter().map(|file| format!("`{}`", file.name)).collect();
        format!("{}: {}", names.join(", "), files[0].reason)
    })
}

/// Sends the warnings that the host has not been told yet, and adds why the recording is empty, if it is.
pub(super) fn warn(trace: &mut Trace) {
    trace.context.warnings.extend(why_empty(trace));
    let found = warnings::found(trace);
    for warning in trace.context.warnings.iter().skip(trace.context.warnings_told).chain(&found) {
        logging::warn!("session `{}`: {warning}", trace.context.session);
    }
}

/// Returns why a recording without a range has none, and what to write.
fn why_empty(trace: &Trace) -> Option<String> {
    // A session that ended before its schedule let it record has said so.
    let is_explained = trace.context.warnings.iter().any(|warning| warning.starts_with("nothing was recorded"));
    if trace.ranges > 0 || !trace.loops.is_empty() || is_explained {
        return None;
    }
    if !trace.context.config.records_ranges() {
        let absent = trace.gpu.as_ref().err()?;
        return Some(format!(
            "nothing was recorded: `torch_profiler_activities` leaves `CPU` out, and of the GPU {absent}"
        ));
    }
    let known = record::sites().count();
    let stages = &trace.context.config.stages;
    let reason = if known == 0 {
        "the program has no annotated function: put `#[profiled_stage]` on some".to_owned()
    } else if stages.is_empty() {
        format!("none of the {known} annotated functions and blocks ran in the session")
    } else {
        format!("`stages` selects {stages:?}, and none of these ran in the session")
    };
    let is_instant = trace.context.ended_by == EndedBy::Stop && trace.end - trace.begin < INSTANT_NS;
    let hint =
        if is_instant { ", which was over at once: `let _ =` drops a guard, `let _profile =` keeps it" } else { "" };
    Some(format!("nothing was recorded: {reason}{hint}"))
}
