//! Writes a session's artifacts through `export` and logs the outcome: where they are, what they
//! lack, and why they are empty.
//!
//! The manifest and the summary say the same. The log is for users who read neither; without a
//! logger it goes to standard error.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use crate::config::{PrintSummary, Profiler, ProfilerConfig};
use crate::logging;
use profiler_trace::export::{self, Gauge, Manifest, Remark, by_reason, losses, warnings};
use profiler_trace::model::Trace;

/// Duration in nanoseconds below which an empty session was probably dropped at once.
const INSTANT_NS: u64 = 10_000_000;

/// Writes the artifacts and the manifest, and logs the outcome. `folder` is the session's, empty if
/// it has none.
pub(super) fn write(trace: &mut Trace, config: &ProfilerConfig, folder: &Path, gauge: &Gauge) -> Manifest {
    warn(trace, config);
    let (manifest, remarks) = export::write_session(trace, folder, gauge);
    for remark in &remarks {
        match remark {
            Remark::Error(text) => logging::error!("{text}"),
            Remark::Warning(text) => logging::warn!("{text}"),
            Remark::Info(text) => logging::info!("{text}"),
        }
    }
    announce(&manifest, trace, config, folder);
    manifest
}

/// Logs one warning about everything that the artifacts lack, then their location.
fn announce(manifest: &Manifest, trace: &Trace, config: &ProfilerConfig, folder: &Path) {
    let session = &manifest.session;
    let losses = losses::avoidable(trace);
    let count = losses.len() + manifest.missing.len();
    let prints = prints(trace, config);
    // The printed summary says the same: a program without a logger would show it twice.
    if count > 0 && !(prints && logging::is_absent()) {
        let sentences: Vec<String> = losses.into_iter().chain(by_reason(&manifest.missing)).collect();
        let plural = if count == 1 { "" } else { "s" };
        logging::warn!("session `{session}` lacks {count} thing{plural}: {}", sentences.join("; "));
    }
    // Every recording has these losses, and no configuration avoids them: no warning.
    for sentence in losses::natural(trace) {
        logging::info!("session `{session}`: {sentence}");
    }
    for note in &manifest.notes {
        logging::info!("session `{session}`: {note}");
    }
    if folder != Path::new("") {
        let files = manifest.artifacts.len();
        let context = &trace.context;
        let process = if context.world_size > 1 || context.is_frontend {
            format!(", {}", context.process_label())
        } else {
            String::new()
        };
        let message = format!("session `{session}`{process}: {files} artifacts are in `{}`", folder.display());
        if prints { logging::info!("{message}") } else { logging::notice!("{message}") }
    }
    if prints {
        logging::print(manifest.summary().for_terminal());
    }
}

/// Returns whether the summary is printed. Only rank 0 prints it.
fn prints(trace: &Trace, config: &ProfilerConfig) -> bool {
    let context = &trace.context;
    let is_wanted = match config.print_summary {
        PrintSummary::Auto => io::stderr().is_terminal(),
        PrintSummary::Always => true,
        PrintSummary::Never => false,
    };
    !context.ended_by.goes_on() && is_wanted && context.rank == 0 && config.profiler != Profiler::None
}

/// Logs the warnings that were not logged at the start, and adds the reason if the recording is
/// empty.
fn warn(trace: &mut Trace, config: &ProfilerConfig) {
    trace.context.warnings.extend(why_empty(trace, config));
    if prints(trace, config) && logging::is_absent() {
        // The printed summary says the same.
        return;
    }
    let found = warnings::found(trace);
    for warning in trace.context.warnings.iter().skip(trace.context.warnings_logged).chain(&found) {
        logging::warn!("session `{}`: {warning}", trace.context.session);
    }
}

/// Returns the reason and a remedy for a recording without ranges.
fn why_empty(trace: &Trace, config: &ProfilerConfig) -> Option<String> {
    // A session that ended before its schedule recorded anything has a warning already.
    let is_explained = trace.context.warnings.iter().any(|warning| warning.starts_with("nothing was recorded"));
    // Lost ranges are reported as a loss.
    let is_lost = trace.lacks_ranges();
    // A front-end without requests has no ranges.
    if !trace.is_empty() || is_lost || is_explained || trace.context.is_frontend {
        return None;
    }
    if !config.records_ranges() {
        let absent = trace.gpu_absent()?;
        return Some(format!(
            "nothing was recorded: `torch_profiler_activities` leaves `CPU` out, and the GPU is missing: {absent}"
        ));
    }
    let reason = reason(profiler_core::site::sites().count(), &config.stages);
    let is_instant = trace.context.is_guarded && trace.end - trace.begin < INSTANT_NS;
    let hint = if is_instant {
        ", which was over at once: if its guard was bound by `let _ =`, which drops it, write `let _profile =`"
    } else {
        ""
    };
    Some(format!("nothing was recorded: {reason}{hint}"))
}

/// Returns why nothing ran in a program with `annotated` annotations, of which `stages` are
/// selected.
fn reason(annotated: usize, stages: &[String]) -> String {
    if annotated == 0 {
        "the program has no annotated function: put `#[profiled_stage]` on some".to_owned()
    } else if stages.is_empty() {
        format!("none of the {annotated} annotated functions and blocks ran in the session")
    } else {
        format!("`stages` selects {stages:?}, and none of these ran in the session")
    }
}

#[cfg(test)]
mod tests {
    use super::reason;

    /// D2: an empty session says what to write.
    #[test]
    fn an_empty_session_suggests_annotations() {
        assert_eq!(reason(0, &[]), "the program has no annotated function: put `#[profiled_stage]` on some");
        assert!(reason(3, &[]).starts_with("none of the 3 annotated"));
        assert!(reason(3, &["vae.*".to_owned()]).contains(r#"["vae.*"]"#));
    }
}
