//! The traces of a session as artifacts: one format or both, under the names that tools and users
//! expect.

use std::path::{Path, PathBuf};

use crate::model::{Content, ExportOptions, Trace, TraceFormat};

use super::exporter::{Exporter, Plan};
use super::kind::ArtifactKind;
use super::trace::{chrome, perfetto};

/// Maximum characters of a request's id in a trace's name; file names are limited to 255 bytes.
const MAX_ID: usize = 128;

/// Exporter of traces.
pub(super) struct Traces;

impl Exporter for Traces {
    fn artifacts(&self) -> &[ArtifactKind] {
        &[ArtifactKind::Trace, ArtifactKind::TracePerfetto]
    }

    fn plan(&self, plan: &mut Plan<'_>) {
        if !plan.has_folder(Content::Everything) {
            return;
        }
        let format = plan.trace.context.options.trace_format;
        if format != TraceFormat::Perfetto {
            let path = path(plan.trace, plan.folder, false);
            let shown = path.to_string_lossy().into_owned();
            let second = second_path(plan.trace, plan.folder);
            plan.file_at(ArtifactKind::Trace, path, second, move |trace, _, out| chrome::write(trace, &shown, out));
        }
        if format != TraceFormat::Chrome {
            // A program that asks for the artifact `trace` gets the only one.
            let is_second = format == TraceFormat::Both;
            let kind = if is_second { ArtifactKind::TracePerfetto } else { ArtifactKind::Trace };
            let path = path(plan.trace, plan.folder, true);
            plan.file_at(kind, path, None, |trace, _, out| perfetto::write(trace, out));
        }
    }

    fn user_path(&self, options: &ExportOptions, _rank: u32) -> Option<(&'static str, PathBuf)> {
        let folder = options.torch_profiler_dir.as_ref().filter(|_| options.content == Content::Everything)?;
        let name = options.trace_file.as_ref().filter(|name| !name.contains('{'))?;
        Some(("trace_file", folder.join(name)))
    }
}

/// Returns the path of a trace. A name chosen by the user is in the configured folder itself, not
/// in the session's. If the name contains the request's id, an existing file is not replaced,
/// because no user chose that name; a number is appended to the id instead.
fn path(trace: &Trace, folder: &Path, perfetto: bool) -> PathBuf {
    let context = &trace.context;
    let request = trace.requests.first_id.as_ref().or(context.last_request.as_ref()).unwrap_or(&context.session);
    let request: &str = &request.chars().take(MAX_ID).collect::<String>();
    let name = |request: &str| context.options.trace_name(perfetto, context.rank, request);
    if context.is_frontend {
        return folder.join(name(request).replace(&format!("rank{}", context.rank), &context.file_part()));
    }
    let (Some(pattern), Some(configured)) = (&context.options.trace_file, &context.options.torch_profiler_dir) else {
        return folder.join(name(request));
    };
    let first = configured.join(name(request));
    if !pattern.contains("{request_id}") || !first.exists() {
        return first;
    }
    let mut others = (2..u32::MAX).map(|number| configured.join(name(&format!("{request}-{number}"))));
    others.find(|path| !path.exists()).unwrap_or(first)
}

/// Returns the trace's second name, for tools that take a folder of traces; `None` if the user
/// chose the name.
fn second_path(trace: &Trace, folder: &Path) -> Option<PathBuf> {
    let options = &trace.context.options;
    let suffix = if options.torch_profiler_use_gzip { ".gz" } else { "" };
    let name = format!("rank{}.pt.trace.json{suffix}", trace.context.rank);
    // Readers treat every file in that folder as the trace of one rank.
    let is_alone = options.trace_file.is_none() && !trace.context.is_frontend;
    is_alone.then(|| folder.join("traces").join(name))
}
