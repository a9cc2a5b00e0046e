//! The file name of a trace.
//!
//! vLLM-Omni and SGLang name the same artifact differently; `trace_file` is the one setting for both, a plain file
//! name with two placeholders, never a path: where artifacts go is `torch_profiler_dir`'s business alone.

use super::error::Problem;
use super::pattern::nearest;
use super::settings::ProfilerConfig;

const FIELD: &str = "trace_file";
const PLACEHOLDERS: [&str; 2] = ["rank", "request_id"];
/// Names of the other artifacts, which a trace must not replace.
const TAKEN: [&str; 5] = ["manifest_rank", "timing_rank", "summary_rank", "memory_snapshot_rank", "profiler_out_"];

impl ProfilerConfig {
    /// The file name of the trace of `rank`: `trace_rank0.json`, with `.gz` if compressed, or what `trace_file` says.
    ///
    /// In `request_id`, everything but ASCII letters, digits, `-`, `_` and `.` becomes `_`, so that the name stays a
    /// name whatever the id.
    #[must_use]
    pub fn trace_file_name(&self, rank: u32, request_id: &str) -> String {
        let suffix = if self.torch_profiler_use_gzip { ".gz" } else { "" };
        let Some(pattern) = &self.trace_file else {
            return format!("trace_rank{rank}.json{suffix}");
        };
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        let id: String = request_id.chars().map(|letter| if plain(letter) { letter } else { '_' }).collect();
        pattern.replace("{rank}", &rank.to_string()).replace("{request_id}", &id)
    }
}

/// Everything that is wrong with a pattern for trace names.
pub(super) fn problems(pattern: &str, gzip: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut refuse = |message: String, suggestion: &str| {
        problems.push(Problem::new(FIELD, message).suggest(suggestion));
    };
    if pattern.contains(['/', '\\', ':']) || pattern.starts_with('.') {
        refuse(format!("expected a plain file name, found {pattern:?}"), "set the folder with `torch_profiler_dir`");
    }
    match (pattern.ends_with(".json"), pattern.ends_with(".json.gz")) {
        (true, _) if gzip => refuse("ends in `.json`, but the trace is compressed".into(), "end it in `.json.gz`"),
        (_, true) if !gzip => {
            refuse("ends in `.gz`, but the trace is not compressed".into(), "set `torch_profiler_use_gzip` to true");
        }
        (false, false) => refuse("expected a name that ends in `.json` or `.json.gz`".into(), "end it in `.json`"),
        _ => {}
    }
    if let Some(taken) = TAKEN.iter().find(|taken| pattern.starts_with(**taken)) {
        refuse(format!("names that begin with `{taken}` belong to another artifact"), "choose another name");
    }
    problems.extend(pattern.split('{').skip(1).filter_map(placeholder_problem));
    problems
}

/// What is wrong with the text after one `{`.
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
