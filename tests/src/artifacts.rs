//! Reads artifacts back as a consumer would: strict JSON, events by name.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// The trace of the only rank in a session's folder.
#[derive(Debug)]
pub struct Trace {
    /// Content of the file.
    pub json: Value,
}

/// An `X` event. Times are microseconds since the trace's base.
#[derive(Clone, Debug)]
pub struct Slice {
    /// Name of the event.
    pub name: String,
    /// Category of the event.
    pub category: String,
    /// Number of the event's row.
    pub tid: u64,
    /// Begin of the event.
    pub begin: f64,
    /// End of the event.
    pub end: f64,
    /// Arguments of the event.
    pub args: Value,
}

impl Slice {
    /// Returns whether the slice lies inside `outer` in time.
    pub fn is_inside(&self, outer: &Self) -> bool {
        outer.begin <= self.begin && self.end <= outer.end
    }

    /// Returns whether `args` has `key` with the value true.
    pub fn is(&self, key: &str) -> bool {
        self.args[key] == true
    }
}

impl Trace {
    /// Reads the only trace in a session's folder.
    pub fn read(folder: &Path) -> Self {
        Self { json: read_only(folder, "trace_rank") }
    }

    /// Returns every slice of this name, in order of begin.
    pub fn named(&self, name: &str) -> Vec<Slice> {
        self.slices(|found| found == name)
    }

    /// Counts the slices of this name.
    pub fn count(&self, name: &str) -> usize {
        self.named(name).len()
    }

    /// Returns the `N` of every `ProfilerStep#N`, in order of begin.
    pub fn step_numbers(&self) -> Vec<u64> {
        self.steps().iter().map(|step| step.name["ProfilerStep#".len()..].parse().expect("a number")).collect()
    }

    /// Returns the index that the program gave every `ProfilerStep#N`, in order of begin.
    pub fn step_indices(&self) -> Vec<u64> {
        self.steps().iter().map(|step| step.args["index"].as_u64().expect("an index")).collect()
    }

    /// Returns every `ProfilerStep#N`, in order of begin.
    pub fn steps(&self) -> Vec<Slice> {
        self.slices(|name| name.starts_with("ProfilerStep#"))
    }

    /// Returns a count of the losses: `missing`, `unfinished`, `began_before`.
    pub fn losses(&self, what: &str) -> u64 {
        self.json["profiler"]["losses"][what].as_u64().expect("a known cause")
    }

    /// Returns why the recording ended.
    pub fn ended_by(&self) -> &str {
        self.json["profiler"]["ended_by"].as_str().expect("a reason")
    }

    /// Returns the session's warnings.
    pub fn warnings(&self) -> Vec<&str> {
        let warnings = self.json["profiler"]["warnings"].as_array().expect("a list");
        warnings.iter().filter_map(Value::as_str).collect()
    }

    /// Returns the length of the recording in seconds.
    pub fn seconds(&self) -> f64 {
        let at = |key: &str| self.json["profiler"][key].as_u64().expect("a time");
        (at("end_unix_ns") - at("begin_unix_ns")) as f64 / 1e9
    }

    fn slices(&self, wanted: impl Fn(&str) -> bool) -> Vec<Slice> {
        let events = self.json["traceEvents"].as_array().expect("a list of events");
        let mut found: Vec<Slice> = events
            .iter()
            .filter(|event| event["ph"] == "X" && event["name"].as_str().is_some_and(&wanted))
            .map(|event| {
                // Rounds to nanoseconds, because sums of doubles for the same moment differ in
                // their last bit.
                let ns = |key: &str| (event[key].as_f64().expect("a time") * 1000.0).round();
                Slice {
                    name: event["name"].as_str().expect("a name").to_owned(),
                    category: event["cat"].as_str().unwrap_or_default().to_owned(),
                    tid: event["tid"].as_u64().expect("a number"),
                    begin: ns("ts") / 1000.0,
                    end: (ns("ts") + ns("dur")) / 1000.0,
                    args: event["args"].clone(),
                }
            })
            .collect();
        found.sort_by(|one, other| one.begin.total_cmp(&other.begin));
        found
    }
}

/// Reads the only timing report in a session's folder.
pub fn timing(folder: &Path) -> Value {
    read_only(folder, "timing_rank")
}

/// Returns the path of each stage, with the names of its ancestors joined by `/`, in the order of
/// the report's `stages`.
pub fn stage_paths(timing: &Value) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for stage in timing["stages"].as_array().expect("a list of stages") {
        let around = stage["parent"].as_u64().map(|parent| paths[parent as usize].clone() + "/").unwrap_or_default();
        paths.push(around + stage["name"].as_str().expect("a name"));
    }
    paths
}

/// Reads the only manifest in a session's folder.
pub fn manifest(folder: &Path) -> Value {
    read_only(folder, "manifest_rank")
}

fn read_only(folder: &Path, prefix: &str) -> Value {
    let files = fs::read_dir(folder).expect("the session's folder").map(|entry| entry.expect("an entry").path());
    let found: Vec<_> =
        files.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))).collect();
    assert_eq!(found.len(), 1, "one `{prefix}*` in {}", folder.display());
    serde_json::from_slice(&fs::read(&found[0]).expect("readable")).expect("strict JSON")
}
