//! The artifacts of a session: written by `export`, and reported to people here: where they are,
//! what they lack, and why they are empty.
//!
//! The manifest and the summary say the same; a program that reads neither finds it in its log, or
//! on standard error.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use crate::config::{PrintSummary, Profiler, ProfilerConfig};
use crate::logging;
use profiler_trace::export::{self, Gauge, Manifest, Remark, by_reason, losses, warnings};
use profiler_trace::model::Trace;

/// Duration below which an empty recording was most likely over before anything could run.
const INSTANT_NS: u64 = 10_000_000;

/// Writes the artifacts and the manifest, and logs their outcome. `folder` is the session's, empty
/// if it has none.
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

/// Logs in one warning what the artifacts lack, if anything, and then where they are.
fn announce(manifest: &Manifest, trace: &Trace, config: &ProfilerConfig, folder: &Path) {
    let session = &manifest.session;
    let losses = losses::avoidable(trace);
    let things = losses.len() + manifest.missing.len();
    let prints = prints(trace, config);
    // The printed page says the same: a program without a logger would read it twice.
    if things > 0 && !(prints && logging::is_absent()) {
        let said: Vec<String> = losses.into_iter().chain(by_reason(&manifest.missing)).collect();
        let plural = if things == 1 { "" } else { "s" };
        logging::warn!("session `{session}` lacks {things} thing{plural}: {}", said.join("; "));
    }
    // These losses come with every recording, and are no fault: people who keep a log find them
    // there.
    for sentence in losses::natural(trace) {
        logging::info!("session `{session}`: {sentence}");
    }
    for note in &manifest.notes {
        logging::info!("session `{session}`: {note}");
    }
    if folder != Path::new("") {
        let files = manifest.artifacts().len();
        let context = &trace.context;
        let who = if context.world_size > 1 || context.is_frontend {
            format!(", {}", context.process_label())
        } else {
            String::new()
        };
        let said = format!("session `{session}`{who}: {files} artifacts are in `{}`", folder.display());
        if prints { logging::info!("{said}") } else { logging::notice!("{said}") }
    }
    if prints {
        logging::print(manifest.summary().for_terminal());
    }
}

/// Returns whether the summary is printed: once a session, however many ranks it has.
fn prints(trace: &Trace, config: &ProfilerConfig) -> bool {
    let context = &trace.context;
    let is_wanted = match config.print_summary {
        PrintSummary::Auto => io::stderr().is_terminal(),
        PrintSummary::Always => true,
        PrintSummary::Never => false,
    };
    !context.ended_by.goes_on() && is_wanted && context.rank == 0 && config.profiler != Profiler::None
}

/// Sends the warnings that the host has not been told yet, and adds why the recording is empty, if
/// it is.
fn warn(trace: &mut Trace, config: &ProfilerConfig) {
    trace.context.warnings.extend(why_empty(trace, config));
    if prints(trace, config) && logging::is_absent() {
        // The printed page says the same.
        return;
    }
    let found = warnings::found(trace);
    for warning in trace.context.warnings.iter().skip(trace.context.warnings_logged).chain(&found) {
        logging::warn!("session `{}`: {warning}", trace.context.session);
    }
}

/// Returns why a recording without a range has none, and what to write.
fn why_empty(trace: &Trace, config: &ProfilerConfig) -> Option<String> {
    // A session that ended before its schedule let it record has said so.
    let is_explained = trace.context.warnings.iter().any(|warning| warning.starts_with("nothing was recorded"));
    // Ranges that ran and found no room are counted, and reported as a loss.
    let is_lost = trace.lacks_ranges();
    // A front-end without requests has nothing to show.
    if !trace.is_empty() || is_lost || is_explained || trace.context.is_frontend {
        return None;
    }
    if !config.records_ranges() {
        let absent = trace.gpu_absent()?;
        return Some(format!(
            "nothing was recorded: `torch_profiler_activities` leaves `CPU` out, and of the GPU {absent}"
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

/// Returns why nothing ran, in a program with so many annotations of which these are selected.
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
    fn a_program_without_annotations_is_told_to_put_some() {
        assert_eq!(reason(0, &[]), "the program has no annotated function: put `#[profiled_stage]` on some");
        assert!(reason(3, &[]).starts_with("none of the 3 annotated"));
        assert!(reason(3, &["vae.*".to_owned()]).contains(r#"["vae.*"]"#));
    }
}
