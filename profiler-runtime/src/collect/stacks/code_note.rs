//! What code lies where in a process: for whoever names the functions of its call stacks when it is gone.
//!
//! A session that records stacks into a spool puts it into the journal ([`known_libraries`](super::known_libraries)); `recover` reads it back, and
//! [`offline`](super::offline) looks into the files. Whoever has written the journal may have written anything.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::sources::Sources;

/// Loaded objects beyond this number are not noted, and not believed in.
pub(super) const MOST_OBJECTS: usize = 4096;

/// One line of a journal, or all of them together.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct CodeNote {
    pub(super) sources: Sources,
    /// In the order in which they were loaded.
    pub(super) objects: Vec<Object>,
}

/// The program, or a library.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Object {
    /// Its file, by its real path.
    pub(super) file: String,
    /// What is added to the file's addresses.
    pub(super) base: u64,
    /// Where it lies.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) identity: Identity,
}

/// How the file is known again.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Identity {
    /// The note that linkers write, in hexadecimal digits.
    BuildId(String),
    /// It has none: length and time of its last change, in nanoseconds since the Unix epoch.
    File { length: u64, modified_ns: u64 },
}

impl CodeNote {
    /// Returns what all lines of a journal say. One that another version wrote says nothing.
    pub(super) fn of(lines: Vec<Value>) -> Self {
        let mut all = Self::default();
        for line in lines.into_iter().filter_map(|line| serde_json::from_value::<Self>(line).ok()) {
            all.sources = line.sources;
            all.objects.extend(line.objects);
        }
        all.objects.truncate(MOST_OBJECTS);
        all
    }
}
