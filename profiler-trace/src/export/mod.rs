//! Artifacts: each file of a session, from the trace to the disk.
//!
//! ```text
//!                                   ┌ trace    every range: Chrome, Perfetto; the merge of ranks
//!                                   │ reports  timing, summary, perf dump
//! Trace ─► plan (which files) ─► write ops      operator tables          ─► sink (whole or not at all) ─► manifest
//!          progress, panic          │ memory   snapshot, chart              gzip
//!                                   └ stacks   folded, flame graph
//!
//! what several artifacts state: facts      how a value is written: format      who helps: workers
//! ```
//!
//! The runtime calls [`write_session`] on a background thread, and says to people what that remarks. Exporters are
//! functions from a trace to a stream of bytes; only `sink` knows files. An artifact that fails costs the others nothing:
//! the manifest says why it is missing.
//!
//! `unsafe` is in two files alone, which ask the system for what the standard library does not: `outlet`, so that a write
//! sends no signal to the host, and `terminal`, for a width.

mod format;
mod manifest;
mod memory;
mod ops;
mod output;
mod panic;
mod plan;
mod progress;
mod remark;
mod report_parts;
mod reports;
mod stacks;
#[cfg(all(test, feature = "xlsx"))]
#[allow(clippy::unwrap_used)]
mod tests;
mod trace;
mod workers;

use std::io;
use std::path::Path;

use serde::Serialize;

use crate::model::Trace;

pub use format::utc::iso8601;
pub use manifest::by_reason;
pub use manifest::{Artifact, Manifest, Missing};
pub use ops::averages::{KeyAverages, SortBy};
pub use output::mount::shortcomings;
pub use output::outlet;
pub use output::sink::remove_unfinished;
pub use panic::panic_text;
pub use plan::obstacles;
pub use progress::ExportProgress;
pub use progress::Gauge;
pub use remark::{Remark, Weight};
pub use report_parts::requests::RequestTimes;
pub use report_parts::{losses, warnings};
pub use reports::printed::Summary;
pub use trace::merge::{Alignment, MergeError, MergeOptions, Merged, MergedRank, merge};

use format::json;
use manifest::{name_in, replaced};
use output::{second_name, sink, target};
use reports::pipeline;

/// Writes what the options ask for, the manifest last, and returns it with what people should hear. `folder` is the
/// session's, empty if it has none: then only the performance report is written, to the path of its own.
///
/// Never fails as a whole: what could not be written is in the manifest, and among the remarks.
pub fn write_session(trace: &mut Trace, folder: &Path, gauge: &Gauge) -> (Manifest, Vec<Remark>) {
    let (mut manifest, mut remarks) = (Manifest::new(trace), Vec::new());
    let plans = plan::plans(trace, folder, &mut manifest.missing);
    gauge.begin(trace, plans.len());
    for plan in plans {
        gauge.file(name_in(&plan.path, folder));
        let is_replaced = !plan.path.starts_with(folder) && target::is_replaced(&plan.path);
        let written = panic::caught(|| {
            sink::write_with_folder(&plan.path, plan.gzip, |out| plan.write(trace, &manifest.missing, out))
        });
        let is_written = written.is_ok();
        if is_replaced && is_written {
            remarks.extend(replaced::note(&plan.path, folder, &manifest.session));
        }
        remarks.extend(manifest.note(plan.kind, &plan.path, folder, written));
        if let Some(second) = plan.second.filter(|_| is_written) {
            remarks.extend(manifest.note_second(&second, folder, second_name::add(&plan.path, &second)));
        }
        gauge.file_done();
    }
    manifest.pipeline_lines = pipeline::log_lines(trace);
    remarks.extend(manifest.pipeline_lines.iter().cloned().map(Remark::info));
    if let Some(path) = plan::manifest_path(trace, folder) {
        let written = sink::write_with_folder(&path, false, |out| manifest::write(&manifest, trace, out));
        remarks.extend(manifest.note("manifest", &path, folder, written));
    }
    (manifest, remarks)
}

/// Writes a JSON report that is no artifact of a recording, whole or not at all. `schema` names the file in `schemas/` that
/// describes it.
///
/// # Errors
///
/// It cannot be written; an earlier file of that name stays.
pub fn write_report(path: &Path, schema: &'static str, report: &impl Serialize) -> io::Result<()> {
    #[derive(Serialize)]
    struct Report<'a, T> {
        schema: &'static str,
        schema_version: &'static str,
        profiler_version: &'static str,
        #[serde(flatten)]
        report: &'a T,
    }
    let report =
        Report { schema, schema_version: json::SCHEMA_VERSION, profiler_version: env!("CARGO_PKG_VERSION"), report };
    sink::write_file(path, false, |out| json::write_indented(out, &report)).map(drop)
}

impl Manifest {
    /// Takes down what became of a file.
    fn note(
        &mut self,
        kind: &'static str,
        path: &Path,
        folder: &Path,
        written: io::Result<sink::Written>,
    ) -> Option<Remark> {
        match written {
            Ok(written) => {
                self.artifacts.push(Artifact::new(kind, path, folder, written));
                None
            }
            Err(error) => {
                let place = path.display();
                let message =
                    format!("cannot write `{place}`: {error}; see that its folder has room and may be written to");
                self.missing.push(Missing::new(name_in(path, folder), error.to_string()));
                self.errors.push(message.clone());
                Some(Remark::error(message))
            }
        }
    }

    /// Takes down whether the file that was noted last has a second name.
    fn note_second(&mut self, second: &Path, folder: &Path, added: io::Result<()>) -> Option<Remark> {
        let name = name_in(second, folder);
        match (added, self.artifacts.last_mut()) {
            (Ok(()), Some(artifact)) => artifact.second_name = Some(name),
            (Err(error), _) => {
                self.missing.push(Missing::new(name, error.to_string()));
                return Some(Remark::warning(format!(
                    "cannot give the trace its second name `{}`: {error}; copy the trace there for tools that want a folder",
                    second.display()
                )));
            }
            (Ok(()), None) => {}
        }
        None
    }
}
