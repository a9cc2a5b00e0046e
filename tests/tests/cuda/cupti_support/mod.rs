//! Results of a pipeline on a machine with the double of CUPTI.

use std::path::PathBuf;

use profiler_tests::gpu::{machine, session};
use profiler_tests::{Trace, manifest, succeeded, timing};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

/// Results of a pipeline.
pub(crate) struct Ran {
    _folder: TempDir,
    /// Working directory of the pipeline, with the logs of the doubles.
    pub(crate) place: PathBuf,
    /// Folder of the session.
    pub(crate) session: PathBuf,
    pub(crate) trace: Trace,
    pub(crate) timing: Value,
    pub(crate) manifest: Value,
    /// Standard error of the pipeline.
    pub(crate) printed: String,
}

/// Runs the ignored test `pipeline` of the calling test's module as a process of its own.
/// `PROFILER_TESTS_KEEP` names a folder that keeps the results.
pub(crate) fn run(variables: &[(&str, &str)]) -> Ran {
    let folder = tempdir().unwrap();
    let kept = std::env::var_os("PROFILER_TESTS_KEEP").map(PathBuf::from);
    let place = kept.unwrap_or_else(|| folder.path().to_owned());
    let output = succeeded(machine("pipeline", &place).envs(variables.iter().copied()));
    let (session, printed) = (session(&place), String::from_utf8(output.stderr).unwrap());
    let (trace, timing, manifest) = (Trace::read(&session), timing(&session), manifest(&session));
    Ran { _folder: folder, place, session, trace, timing, manifest, printed }
}

impl Ran {
    /// Returns the stage of this name in the timing report.
    pub(crate) fn stage(&self, name: &str) -> &Value {
        self.timing["stages"].as_array().unwrap().iter().find(|stage| stage["name"] == name).unwrap()
    }

    /// Returns the trace's events that are wanted.
    pub(crate) fn events(&self, wanted: impl Fn(&Value) -> bool) -> Vec<&Value> {
        self.trace.json["traceEvents"].as_array().unwrap().iter().filter(|event| wanted(event)).collect()
    }

    /// Returns the names of the trace's slices of this category.
    pub(crate) fn of(&self, category: &str) -> Vec<&str> {
        self.events(|event| event["cat"] == category && event["ph"] == "X")
            .iter()
            .map(|event| event["name"].as_str().unwrap())
            .collect()
    }
}
