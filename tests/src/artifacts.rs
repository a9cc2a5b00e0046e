//! Artifacts read back as a consumer would: strict JSON, events by name.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// A trace of rank 0 (or of the only rank in its folder).
#[derive(Debug)]
pub struct Trace {
    /// The whole file.
    pub json: Value,
}

/// One `X` event. Times are microseconds since the trace's base.
#[derive(Clone, Debug)]
pub struct Slice {
    /// Its name.
    pub name: String,
    /// Its category.
    pub category: String,
    /// Its row.
    pub tid: u64,
    /// When it began.
    pub begin: f64,
    /// When it ended.
    pub end: f64,
    /// What it says beside.
    pub args: Value,
}

impl Slice {
    /// Returns whether it lies inside `outer` in time.
    pub fn is_inside(&self, outer: &Self) -> bool {
        outer.begin <= self.begin && self.end <= outer.end
    }

    /// Returns whether `args` has `key` with the value true.
    pub fn is(&self, key: &str) -> bool {
        self.args[key] == true
    }
}

impl Trace {
    /// The only trace in a session's folder.
    pub fn read(folder: &Path) -> Self {
        Self { json: read_only(folder, "trace_rank") }
    }

    /// Every slice of this name, in order of begin.
    pub fn named(&self, name: &str) -> Vec<Slice> {
        self.slices(|found| found == name)
    }

    /// Number of slices of this name.
    pub fn count(&self, name: &str) -> usize {
        self.named(name).len()
    }

    /// The `N` of every `ProfilerStep#N`, in order of begin.
    pub fn step_numbers(&self) -> Vec<u64> {
        self.steps().iter().map(|step| step.name["ProfilerStep#".len()..].parse().expect("a number")).collect()
    }

    /// The program's own index of every `ProfilerStep#N`, in order of begin.
    pub fn step_indices(&self) -> Vec<u64> {
        self.steps().iter().map(|step| step.args["index"].as_u64().expect("an index")).collect()
    }

    /// Every `ProfilerStep#N`, in order of begin.
    pub fn steps(&self) -> Vec<Slice> {
        self.slices(|name| name.starts_with("ProfilerStep#"))
    }

    /// A number of the losses: `missing`, `unfinished`, `began_before`.
    pub fn losses(&self, what: &str) -> u64 {
        self.json["profiler"]["losses"][what].as_u64().expect("a known cause")
    }

    /// Why the recording ended.
    pub fn ended_by(&self) -> &str {
        self.json["profiler"]["ended_by"].as_str().expect("a reason")
    }

    /// What the user should know.
    pub fn warnings(&self) -> Vec<&str> {
        let warnings = self.json["profiler"]["warnings"].as_array().expect("a list");
        warnings.iter().filter_map(Value::as_str).collect()
    }

    /// Length of the recording in seconds.
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
                // Through whole nanoseconds: sums of doubles that mean the same moment differ in
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

/// The only timing report in a session's folder.
pub fn timing(folder: &Path) -> Value {
    read_only(folder, "timing_rank")
}

/// The names from the outermost stage to each one, joined by `/`, in the order of the report's
/// `stages`.
pub fn stage_paths(timing: &Value) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for stage in timing["stages"].as_array().expect("a list of stages") {
        let around = stage["parent"].as_u64().map(|parent| paths[parent as usize].clone() + "/").unwrap_or_default();
        paths.push(around + stage["name"].as_str().expect("a name"));
    }
    paths
}

/// The only manifest in a session's folder.
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
