//! Describes the loaded code of a process in its spool's journal, so that addresses can be resolved
//! after the process has died.
//!
//! A session with stacks and a spool writes it ([`known_libraries`](super::known_libraries));
//! `recover` reads it, and [`offline`](super::offline) opens the files. The journal is untrusted
//! input.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::sources::Sources;

/// Maximum number of loaded objects that are written, and that are accepted when read.
pub(super) const MAX_OBJECTS: usize = 4096;

/// One line of a journal, or all of its lines merged.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct LoadedCode {
    pub(super) sources: Sources,
    /// Objects in the order in which they were loaded.
    pub(super) objects: Vec<Object>,
}

/// The program or one of its libraries.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Object {
    /// Canonical path of the file.
    pub(super) file: String,
    /// Offset between the file's addresses and those in memory.
    pub(super) base: u64,
    /// First address.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) identity: Identity,
}

/// A way to recognize a file.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Identity {
    /// Build id written by the linker, in hexadecimal.
    BuildId(String),
    /// Length and modification time in nanoseconds since the Unix epoch, for a file without a build
    /// id.
    File { length: u64, modified_ns: u64 },
}

impl LoadedCode {
    /// Merges the lines of a journal. Ignores lines of another version.
    pub(super) fn from_journal(lines: Vec<Value>) -> Self {
        let mut all = Self::default();
        for line in lines.into_iter().filter_map(|line| serde_json::from_value::<Self>(line).ok()) {
            all.sources = line.sources;
            all.objects.extend(line.objects);
        }
        all.objects.truncate(MAX_OBJECTS);
        all
    }
}
