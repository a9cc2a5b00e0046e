//! Writes raw CUPTI records to a file: evidence for a bug report, and input for the decoder's
//! tests.
//!
//! `PROFILER_CUPTI_RECORDS=FILE` writes the first [`DEFAULT_PER_KIND`] records of each kind;
//! `PROFILER_CUPTI_RECORDS_EACH` sets another number. Each session replaces the file.
//!
//! The file is text. Its first line is `cupti ` and the version that `cuptiGetVersion` reports.
//! Each further line is a record: its bytes in hexadecimal and, after a space, the name of the
//! kernel or function that it refers to. The last lines are `total `, a kind, and the number of its
//! records. Recordings of a GPU are stored in `recorded/`, named after GPU and version; `raw_tests`
//! replays them.

use std::collections::BTreeMap;
use std::ffi::{OsString, c_char};
use std::fmt::Write as _;
use std::fs;

use crate::logging;
use crate::os::library::text;
use profiler_trace::export::outlet;
use profiler_trace::records::gpu::Api;

use super::api::{Cupti, kind};
use super::layout::{CALL_FUNCTION, KERNEL_NAME};
use super::record::Record;

/// Variable that names the file.
const FILE: &str = "PROFILER_CUPTI_RECORDS";
/// Number of records of each kind that are written: a file with all kinds stays below 20 kB.
const DEFAULT_PER_KIND: u64 = 8;
/// Variable that sets another number of records.
const PER_KIND: &str = "PROFILER_CUPTI_RECORDS_EACH";

/// The text of a file of raw records.
pub(super) struct RawRecords<'a> {
    cupti: &'a Cupti,
    file: OsString,
    text: String,
    max_per_kind: u64,
    /// Number of records seen of each kind.
    seen: BTreeMap<u32, u64>,
}

impl<'a> RawRecords<'a> {
    /// Creates the collection if the environment names a file for it.
    pub(super) fn from_env(cupti: &'a Cupti) -> Option<Self> {
        let file = std::env::var_os(FILE).filter(|file| !file.is_empty())?;
        let number = std::env::var(PER_KIND).ok().and_then(|number| number.parse().ok());
        let (text, max_per_kind) = (format!("cupti {}\n", cupti.version), number.unwrap_or(DEFAULT_PER_KIND));
        Some(Self { cupti, file, text, max_per_kind, seen: BTreeMap::new() })
    }

    /// Adds a record, unless there are enough of its kind.
    pub(super) fn add(&mut self, record: Record) {
        let seen = self.seen.entry(record.kind()).or_default();
        *seen += 1;
        if *seen > self.max_per_kind || record.bytes().is_empty() {
            return;
        }
        for byte in record.bytes() {
            // Writing to a `String` cannot fail.
            let _ = write!(self.text, "{byte:02x}");
        }
        if let Some(name) = self.name(record) {
            self.text.push(' ');
            self.text.extend(name.chars().filter(|letter| !letter.is_control()));
        }
        self.text.push('\n');
    }

    fn name(&self, record: Record) -> Option<String> {
        match record.kind() {
            kind::KERNEL | kind::CONCURRENT_KERNEL => {
                let name: *const c_char = record.read(KERNEL_NAME);
                // SAFETY: CUPTI keeps the names of kernels for the process's lifetime.
                Some(unsafe { text(name) })
            }
            kind::DRIVER => self.cupti.name_of_call(Api::Driver, record.read(CALL_FUNCTION)),
            kind::RUNTIME => self.cupti.name_of_call(Api::Runtime, record.read(CALL_FUNCTION)),
            _ => None,
        }
    }

    /// Writes the file.
    pub(super) fn write(mut self) {
        for (kind, count) in &self.seen {
            let _ = writeln!(self.text, "total {kind} {count}");
        }
        let written = outlet::without_signals(|| match fs::metadata(&self.file) {
            // Opening a pipe without a reader would block.
            Ok(found) if !found.is_file() => Err(std::io::Error::other("it is no file: name one")),
            _ => fs::write(&self.file, self.text),
        });
        if let Err(error) = written {
            logging::warn!("cannot keep CUPTI's records in `{}`: {error}", self.file.to_string_lossy());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "raw_tests.rs"]
mod tests;
