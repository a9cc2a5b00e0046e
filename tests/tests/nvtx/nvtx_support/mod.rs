//! Runs a scenario with the double attached, and reads the calls that the double received.

use std::collections::HashMap;
use std::fs;
use std::ops::Deref;

use profiler_tests::{child_of, double, succeeded};
use serde_json::Value;

/// Call that the tool has noted.
#[derive(Debug)]
pub(crate) struct Line(Value);

impl Deref for Line {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl Line {
    /// Returns the name of the range, category, thread, domain or registered text.
    pub(crate) fn name(&self) -> &str {
        self["name"].as_str().unwrap()
    }

    /// Returns the number of ranges of the same thread and domain around this one.
    pub(crate) fn level(&self) -> i64 {
        self["level"].as_i64().unwrap()
    }

    /// Returns the calling thread.
    pub(crate) fn thread(&self) -> &str {
        self["thread"].as_str().unwrap()
    }
}

/// Calls that a tool received, in order.
#[derive(Debug)]
pub(crate) struct Log {
    /// Calls, one for each line of the log.
    pub(crate) lines: Vec<Line>,
}

/// Runs the ignored test `scenario` as a process of its own with the double attached.
pub(crate) fn attached(scenario: &str, environment: &[(&str, &str)]) -> Log {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.jsonl");
    let mut child = child_of(scenario);
    child.env("NVTX_INJECTION64_PATH", double("nvtx_tool")).env("NVTX_TOOL_LOG", &log);
    let output = succeeded(child.envs(environment.iter().copied()));
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(out.contains("1 passed"), "{scenario}: {out}");
    // A tool that received no call has written no log.
    let text = fs::read_to_string(log).unwrap_or_default();
    Log { lines: text.lines().map(|line| Line(serde_json::from_str(line).unwrap())).collect() }
}

impl Log {
    /// Returns the calls of one function.
    pub(crate) fn of<'a>(&'a self, op: &'a str) -> impl Iterator<Item = &'a Line> {
        self.lines.iter().filter(move |line| line["op"] == op)
    }

    /// Returns the number of calls of one function.
    pub(crate) fn count(&self, op: &str) -> usize {
        self.of(op).count()
    }

    /// Returns the begins of ranges on a thread.
    pub(crate) fn pushes(&self) -> impl Iterator<Item = &Line> {
        self.of("push")
    }

    /// Returns the first begin of a range of this name.
    pub(crate) fn pushed(&self, name: &str) -> &Line {
        self.pushes().find(|line| line.name() == name).unwrap()
    }

    /// Asserts that every range that began has ended, on its thread, in its domain and in the right
    /// order.
    pub(crate) fn is_balanced(&self) {
        let mut open: HashMap<(&str, Option<&str>), i64> = HashMap::new();
        for line in self.of("push").chain(self.of("pop")) {
            *open.entry((line.thread(), line["domain"].as_str())).or_default() +=
                if line["op"] == "push" { 1 } else { -1 };
        }
        assert!(open.values().all(|open| *open == 0), "{open:?}");
        assert!(self.of("pop").all(|line| line.level() >= 0), "a range ended that had not begun");
        let mut lives: Vec<_> = self.of("start").map(|line| line["id"].as_u64()).collect();
        let mut ended: Vec<_> = self.of("end").map(|line| line["id"].as_u64()).collect();
        lives.sort_unstable();
        ended.sort_unstable();
        assert_eq!(lives, ended);
    }
}
