//! The code of a process and its addresses: to name the functions of its call stacks when the
//! process is gone.
//!
//! A session with stacks and a spool journals it ([`known_libraries`](super::known_libraries));
//! `recover` reads it, and [`offline`](super::offline) looks into the files. The journal is not
//! trusted: it may hold anything.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::sources::Sources;

/// Most loaded objects that are noted, and that are plausible.
pub(super) const MOST_OBJECTS: usize = 4096;

/// One line of a journal, or all of them together.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct CodeNote {
    pub(super) sources: Sources,
    /// Objects in the order in which they were loaded.
    pub(super) objects: Vec<Object>,
}

/// The program, or one of its libraries.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Object {
    /// File of the object, by its real path.
    pub(super) file: String,
    /// Offset to add to the file's addresses.
    pub(super) base: u64,
    /// First address.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) identity: Identity,
}

/// The way to recognise the file.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Identity {
    /// Note of the linker, in hexadecimal digits.
    BuildId(String),
    /// Length and time of the last change in nanoseconds since the Unix epoch, for a file without a
    /// note.
    File { length: u64, modified_ns: u64 },
}

impl CodeNote {
    /// Returns the objects of all lines of a journal. A line of another version has none.
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
