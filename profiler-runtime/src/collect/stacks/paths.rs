//! Completes function paths, which debug information and symbol tables spell differently.
//!
//! A release build with line tables only (`debug = "line-tables-only"`) names an inlined function
//! by the last part of its path and its type arguments, `run_recorded<u64,
//! wan::block::{closure_env#0}>`. A function that was not inlined has its path in the symbol table.
//! Other builds have full paths everywhere.

use std::collections::HashMap;

use super::sources::Sources;
use profiler_trace::records::frames::{Frame, without_closure};

/// The functions at an address, as found.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    /// Functions in the debug information, innermost first, with files as the compiler named them.
    pub(super) frames: Vec<Frame>,
    /// Full path of the outermost function in the symbol table.
    pub(super) name: Option<String>,
}

/// Completes the paths of the functions at one address, innermost first, where debug information is
/// not the only source: `name`, from the symbol table, is the outermost function's; the profiler's
/// own function names the body that it runs.
pub(super) fn complete(frames: &mut [Frame], name: Option<String>, sources: &Sources) {
    for at in 1..frames.len() {
        let (inner, outer) = frames.split_at_mut(at);
        if let (Some(inner), Some(outer)) = (inner.last_mut(), outer.first())
            && without_closure(&inner.function).is_empty()
            && let Some(body) = body_run_by(&outer.function)
        {
            body.clone_into(&mut inner.function);
        }
    }
    if let (Some(outermost), Some(name)) = (frames.last_mut(), name)
        && is_short(&outermost.function)
    {
        outermost.function = name;
    }
    for frame in frames.iter_mut().filter(|frame| is_short(&frame.function)) {
        if is_of_the_profiler(frame, sources) {
            frame.function.insert_str(0, PROFILER);
        }
        let end = frame.function.find('<').unwrap_or(frame.function.len());
        frame.function.truncate(end);
    }
}

/// Completes functions of which only the last part of the path is known. The same file often has
/// the full path elsewhere, because a function that is inlined in one place may not be in another.
pub(super) fn unify<'a>(frames: impl Iterator<Item = &'a mut Frame>) {
    let frames: Vec<&mut Frame> = frames.collect();
    let mut known: HashMap<(String, String), Option<String>> = HashMap::new();
    for frame in frames.iter().filter(|frame| !is_short(&frame.function) && !frame.file.is_empty()) {
        let path = without_closure(&frame.function);
        let key = (frame.file.clone(), last_part(path).to_owned());
        let only = known.entry(key).or_insert_with(|| Some(path.to_owned()));
        if only.as_deref() != Some(path) {
            *only = None;
        }
    }
    for frame in frames.into_iter().filter(|frame| is_short(&frame.function)) {
        if let Some(Some(path)) = known.get(&(frame.file.clone(), frame.function.clone())) {
            path.clone_into(&mut frame.function);
        }
    }
}

/// Begin of the paths of this crate's functions.
const PROFILER: &str = "profiler_runtime::";
/// Begin of the paths of the recording crate's functions.
const CORE: &str = "profiler_core::";

/// Returns whether a function belongs to the profiler or to a crate that walks stacks for it.
pub(super) fn is_of_the_profiler(frame: &Frame, sources: &Sources) -> bool {
    let path = frame.function.trim_start_matches(['<', '&']);
    path.starts_with(PROFILER)
        || path.starts_with(CORE)
        || path.starts_with("backtrace::")
        || path == "_Unwind_Backtrace"
        || sources.has_profiler(&frame.file)
}

/// Returns whether a function belongs to the standard library. Implementations of std's traits for
/// the program's types do not.
pub(super) fn is_of_std(frame: &Frame) -> bool {
    let path = frame.function.trim_start_matches(['<', '&', '*', '(', '[']);
    let path = path.strip_prefix("mut ").or_else(|| path.strip_prefix("dyn ")).unwrap_or(path);
    ["core::", "alloc::", "std::"].iter().any(|own| path.starts_with(own))
        || ["library/core/src/", "library/alloc/src/", "library/std/src/"].iter().any(|own| frame.file.contains(own))
}

/// Returns the last part of a path, without type arguments.
pub(super) fn last_part(function: &str) -> &str {
    let path = function.split('<').next().unwrap_or_default().trim_end_matches("::");
    path.rsplit("::").next().unwrap_or(path)
}

/// Returns whether only the last part of a function's path is known.
fn is_short(function: &str) -> bool {
    let path = function.split('<').next().unwrap_or_default();
    !path.is_empty() && !path.contains("::")
}

/// Returns the function that the profiler ran: `wan::block` for `run_recorded<u64,
/// wan::block::{closure_env#0}>`.
fn body_run_by(function: &str) -> Option<&str> {
    let types = function.strip_prefix("run_recorded<").or_else(|| function.strip_prefix("run<"))?;
    let (before, _) = types.rsplit_once("::{closure_env#")?;
    before.rsplit(", ").next()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use super::*;

    fn frame(function: &str) -> Frame {
        Frame { function: function.to_owned(), file: "src/wan.rs".to_owned(), line: 7 }
    }

    fn completed(functions: &[&str], name: Option<&str>) -> Vec<String> {
        let mut frames: Vec<Frame> = functions.iter().copied().map(frame).collect();
        complete(&mut frames, name.map(str::to_owned), &Sources::default());
        frames.into_iter().map(|frame| frame.function).collect()
    }

    #[test]
    fn line_tables_are_completed_from_other_sources() {
        assert_eq!(completed(&["linear"], Some("wan::layers::linear")), ["wan::layers::linear"]);
        assert_eq!(completed(&["sum<f32>", "norm"], Some("wan::norm")), ["sum", "wan::norm"]);
        let run = "run_recorded<(u64, f32), wan::block::{closure_env#0}>";
        assert_eq!(
            completed(&["{closure#0}", run], Some("profiler_runtime::record::range::run_recorded")),
            ["wan::block", "profiler_runtime::record::range::run_recorded"]
        );
        assert_eq!(completed(&["norm"], None), ["norm"], "nothing is known");
    }

    #[test]
    fn a_short_name_is_completed_from_its_file() {
        let mut frames = ["norm", "wan::norm", "block", "wan::a::block", "wan::b::block", "{closure#0}"].map(frame);
        frames[1].line = 9;
        unify(frames.iter_mut());
        let names = frames.map(|frame| frame.function);
        assert_eq!(names[0], "wan::norm");
        assert_eq!((names[2].as_str(), names[5].as_str()), ("block", "{closure#0}"), "which one is not known");
    }

    #[test]
    fn whole_paths_stay_as_they_are() {
        let paths = ["wan::block::{{closure}}", "<wan::Block as wan::Layer>::forward"];
        assert_eq!(completed(&paths, Some("something::else")), paths);
    }

    #[test]
    fn the_profilers_functions_are_known_by_path_or_file() {
        let sources = Sources::of_current_process();
        assert!(is_of_the_profiler(&frame("<profiler_runtime::Instrumented<F> as core::Future>::poll"), &sources));
        assert!(is_of_the_profiler(&frame("<profiler_core::future::Instrumented<F> as core::Future>::poll"), &sources));
        assert!(!is_of_the_profiler(&frame("wan::profiler_runtime::mine"), &sources));
        let file = Path::new("/build").join(file!()).to_str().unwrap().to_owned();
        let mut ours = [Frame { file, ..frame("run<u64, wan::block::{closure_env#0}>") }];
        assert!(is_of_the_profiler(&ours[0], &sources));
        complete(&mut ours, None, &sources);
        assert_eq!((ours[0].function.as_str(), last_part(&ours[0].function)), ("profiler_runtime::run", "run"));
    }
}
