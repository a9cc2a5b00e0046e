//! Checks and formats the file name of a trace.
//!
//! vLLM-Omni and SGLang name this artifact differently; `trace_file` covers both. It is a plain
//! file name with two placeholders, never a path: only `torch_profiler_dir` chooses the folder.

use super::choice::Profiler;
use super::error::{ConfigError, Origin, Problem};
use super::pattern::nearest;
use super::settings::ProfilerConfig;
use profiler_trace::model::{ExportOptions, TraceFormat};

const FIELD: &str = "trace_file";
const JSON: &str = ".json";
const PERFETTO: &str = ".pftrace";
/// Maximum length of a pattern in bytes: a file name may have 255, and a request id is inserted.
const MAX_PATTERN: usize = 96;
const PLACEHOLDERS: [&str; 2] = ["rank", "request_id"];
/// Beginnings of other artifacts' names, which a trace must not replace.
const TAKEN: [&str; 5] = ["manifest_rank", "timing_rank", "summary_rank", "memory_snapshot_rank", "profiler_out_"];

impl ProfilerConfig {
    /// Returns the file name of the trace of `rank`: `trace_rank0.json`, with `.gz` if compressed,
    /// or the one that `trace_file` describes. In Perfetto's format `.pftrace` replaces `.json`; if
    /// there are two traces, this is the name of the JSON one.
    ///
    /// Characters of `request_id` other than ASCII letters, digits, `-`, `_` and `.` become `_`. A
    /// session inserts the first 128 characters of the id.
    #[doc(hidden)]
    #[must_use]
    pub fn trace_file_name(&self, rank: u32, request_id: &str) -> String {
        let perfetto = self.trace_format == TraceFormat::Perfetto;
        ExportOptions::from(self).trace_name(perfetto, rank, request_id)
    }

    /// Checks that the ranks of a job would not replace each other's trace.
    ///
    /// # Errors
    ///
    /// Returns an error if `trace_file` is the same name for all ranks.
    pub(crate) fn check_ranks(&self) -> Result<(), ConfigError> {
        match &self.trace_file {
            Some(pattern) if self.profiler == Profiler::Torch && !pattern.contains("{rank}") => {
                let message = format!("is {pattern:?}, which is one file for all ranks of this job");
                let problem = Problem::new(FIELD, message).suggest("put `{rank}` into the name");
                Err(ConfigError { problems: vec![problem], origin: Origin::Code })
            }
            _ => Ok(()),
        }
    }
}

/// Returns all problems of a pattern for trace names.
pub(super) fn problems(pattern: &str, config: &ProfilerConfig) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut refuse = |message: String, suggestion: &str| {
        problems.push(Problem::new(FIELD, message).suggest(suggestion));
    };
    if pattern.contains(['/', '\\', ':']) || pattern.starts_with('.') {
        refuse(format!("expected a plain file name, found {pattern:?}"), "set the folder with `torch_profiler_dir`");
    }
    if pattern.len() > MAX_PATTERN {
        refuse(format!("has {} bytes, more than {MAX_PATTERN}", pattern.len()), "shorten it");
    }
    let bare = pattern.strip_suffix(".gz");
    let (bare, packed, gzip) = (bare.unwrap_or(pattern), bare.is_some(), config.torch_profiler_use_gzip);
    let extension = [JSON, PERFETTO].into_iter().find(|extension| bare.ends_with(extension));
    match extension {
        None => {
            let usual = if config.trace_format == TraceFormat::Perfetto { PERFETTO } else { JSON };
            let message = format!("expected a name that ends in `{usual}` or `{usual}.gz`");
            refuse(message, &format!("end it in `{usual}`"));
        }
        Some(PERFETTO) if config.trace_format == TraceFormat::Chrome => {
            refuse("ends in `.pftrace`, but the trace is JSON".into(), "set `trace_format` to \"perfetto\"");
        }
        Some(extension) if gzip && !packed => {
            let remedy = format!("end it in `{extension}.gz`");
            refuse(format!("ends in `{extension}`, but the trace is compressed"), &remedy);
        }
        Some(_) if packed && !gzip => {
            refuse("ends in `.gz`, but the trace is not compressed".into(), "set `torch_profiler_use_gzip` to true");
        }
        Some(_) => {}
    }
    if let Some(taken) = TAKEN.iter().find(|taken| pattern.starts_with(**taken)) {
        refuse(format!("names that begin with `{taken}` belong to another artifact"), "choose another name");
    }
    problems.extend(pattern.split('{').skip(1).filter_map(placeholder_problem));
    problems
}

/// Returns the problem of the text after a `{`, if there is one.
fn placeholder_problem(after: &str) -> Option<Problem> {
    let Some((name, _)) = after.split_once('}') else {
        return Some(Problem::new(FIELD, "a `{` is not closed").suggest("write `{rank}` or `{request_id}`"));
    };
    if PLACEHOLDERS.contains(&name) {
        return None;
    }
    let problem =
        Problem::new(FIELD, format!("unknown placeholder `{{{name}}}`; there are `{{rank}}` and `{{request_id}}`"));
    Some(problem.did_you_mean(nearest(name, PLACEHOLDERS)))
}
