//! The journal of a spool: a text file that says what the entries refer to.
//!
//! A line holds the CRC-32 of a JSON text, a space, and the text. Lines are only appended, each
//! with one write. A killed process therefore leaves whole lines, and the checksum reveals a torn
//! one (power failure, full disk). A later line replaces an earlier one about the same subject.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::os::mapping;
use crate::os::own_file::OwnFile;
use profiler_core::clock::Anchor;
use profiler_core::process::descriptors::ClosedInChild;
use profiler_core::site::{Kind, Site};
use profiler_core::stream::registry::ThreadIdentity;

/// A line of the journal. Lines that are written while the program records borrow their texts, so
/// that writing allocates nothing.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JournalLine<'a> {
    /// Session, as the code that created the spool describes it.
    Session(Value),
    /// A thread that records.
    Thread { ordinal: u32, os_id: u64, name: Cow<'a, str> },
    /// The meaning of a site's number.
    Site(SiteLine<'a>),
    /// The begin of a recording.
    Window(WindowLine),
    /// The loop that drives the session, as far as it is known.
    Driver(DriverLine),
    /// Code loaded since the previous line of this kind, for resolving addresses.
    Code(Value),
    /// State of the source of GPU times. Named after CUDA events, the first source with any.
    Events(Value),
}

/// The fields of an [`Anchor`].
#[derive(Deserialize, Serialize)]
#[serde(remote = "Anchor")]
struct AnchorFields {
    ticks: u64,
    monotonic_ns: u64,
    unix_ns: u64,
    uncertainty_ticks: u64,
    #[serde(default)]
    asleep_ns: u64,
}

/// The fields of [`JournalLine::Site`].
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct SiteLine<'a> {
    pub(super) number: u32,
    kind: Cow<'a, str>,
    name: Cow<'a, str>,
    file: Cow<'a, str>,
    line: u32,
    module: Cow<'a, str>,
    /// Names of the site's own arguments.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    arguments: Names<'a>,
}

/// Names of arguments: borrowed from a site, or read from a journal.
#[derive(Debug, Deserialize, Serialize)]
#[serde(untagged)]
enum Names<'a> {
    #[serde(skip_deserializing)]
    OfSite(&'a [&'a str]),
    Read(Vec<String>),
}

impl Default for Names<'_> {
    fn default() -> Self {
        Self::OfSite(&[])
    }
}

impl Names<'_> {
    fn is_empty(&self) -> bool {
        matches!(self, Self::OfSite([]))
    }

    fn leak(self) -> &'static [&'static str] {
        let Self::Read(names) = self else { return &[] };
        let names: Vec<&str> = names.into_iter().map(|name| &*name.leak()).collect();
        names.leak()
    }
}

/// The fields of [`JournalLine::Driver`].
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct DriverLine {
    /// Number of the site whose executions are the iterations; `None` for bare `next_step()` calls.
    pub(crate) site: Option<u32>,
    /// Number of the first recorded iteration.
    pub(crate) first_step: u64,
}

/// The fields of [`JournalLine::Window`].
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct WindowLine {
    /// First anchor of the process.
    #[serde(with = "AnchorFields")]
    pub(super) process: Anchor,
    #[serde(with = "AnchorFields")]
    pub(super) start: Anchor,
    /// Start position in the stream of each thread, by its ordinal.
    pub(super) from: Vec<(u32, u64)>,
}

/// A journal that is being written.
pub(super) struct Journal {
    path: PathBuf,
    /// Closes the file in forked children, so that a child does not keep the lock when its parent
    /// ends. Declared before the file, because it must be dropped first.
    _closed: ClosedInChild,
    file: Mutex<LineWriter>,
}

/// The file of a journal and the buffer for its lines.
struct LineWriter {
    /// File, locked for the lifetime of this process.
    file: OwnFile,
    length: u64,
    /// Lines that are being written. The buffer is reused.
    line: Vec<u8>,
}

/// Initial size of the buffer in bytes. Longer lines allocate.
const LINE: usize = 8 << 10;
/// Placeholder for a line's checksum.
const NO_SUM: &[u8] = b"00000000 ";

impl Journal {
    /// Creates a journal in a new file.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = File::options().append(true).create_new(true).open(path)?;
        if !mapping::lock(&file)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let _closed = ClosedInChild::of(&file);
        let lines = LineWriter { file: OwnFile::new(file), length: 0, line: Vec::with_capacity(LINE) };
        Ok(Self { path: path.to_owned(), _closed, file: Mutex::new(lines) })
    }

    /// Appends a line. A line that cannot be written is missing when the journal is read; the
    /// reader counts what refers to it.
    pub(super) fn append(&self, line: &impl Serialize) {
        self.append_all([line]);
    }

    /// Appends lines with one write, because a disk may take long for each.
    pub(super) fn append_all(&self, new: impl IntoIterator<Item = impl Serialize>) {
        let mut lines = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        lines.line.clear();
        if new.into_iter().all(|line| lines.add(&line).is_some()) {
            lines.write();
        }
        lines.line.shrink_to(LINE);
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).file.get()?.sync_data()
    }

    pub(super) fn discard(&self) -> io::Result<()> {
        discard(&self.path)
    }
}

impl LineWriter {
    /// Adds a line to the buffer; returns `None` if memory is short.
    fn add(&mut self, line: &impl Serialize) -> Option<()> {
        let start = self.line.len();
        let mut text = FallibleBuffer { bytes: &mut self.line, is_complete: true };
        text.add(NO_SUM);
        serde_json::to_writer(&mut text, line).ok()?;
        text.add(b"\n");
        text.is_complete.then_some(())?;
        let (mut head, json) = self.line[start..].split_at_mut(NO_SUM.len());
        let sum = checksum(&json[..json.len() - 1]);
        write!(head, "{sum:08x}").ok()
    }

    fn write(&mut self) {
        let end = self.length + self.line.len() as u64;
        if mapping::may_grow_to(end) && self.file.get().and_then(|mut file| file.write_all(&self.line)).is_ok() {
            self.length = end;
        }
    }
}

/// A buffer that grows as long as memory lasts. Running out sets a flag instead of returning an
/// `io::Error`, which would itself allocate.
struct FallibleBuffer<'a> {
    bytes: &'a mut Vec<u8>,
    is_complete: bool,
}

impl FallibleBuffer<'_> {
    fn add(&mut self, bytes: &[u8]) {
        self.is_complete &= self.bytes.try_reserve(bytes.len()).is_ok();
        if self.is_complete {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

impl Write for FallibleBuffer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Deletes a journal. If it cannot be deleted, truncates it, because nothing is recovered from an
/// empty journal.
pub(crate) fn discard(path: &Path) -> io::Result<()> {
    let empty = |error| File::options().write(true).truncate(true).open(path).map(drop).map_err(|_| error);
    std::fs::remove_file(path).or_else(empty)
}

/// Parses a journal; returns its lines and the number of unreadable ones. Accepts any bytes.
pub(super) fn read(bytes: &[u8]) -> (Vec<JournalLine<'static>>, u64) {
    let (mut lines, mut unreadable) = (Vec::new(), 0);
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match read_line(line) {
            Some(line) => lines.push(line),
            None => unreadable += 1,
        }
    }
    (lines, unreadable)
}

fn read_line(line: &[u8]) -> Option<JournalLine<'static>> {
    let (sum, json) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    let is_intact = u32::from_str_radix(sum, 16).ok()? == checksum(json.as_bytes());
    if is_intact { serde_json::from_str(json).ok() } else { None }
}

fn checksum(text: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(text);
    crc.sum()
}

impl<'a> JournalLine<'a> {
    pub(super) fn from_thread(thread: &'a ThreadIdentity) -> Self {
        Self::Thread { ordinal: thread.ordinal, os_id: thread.os_id, name: thread.name.as_str().into() }
    }

    pub(super) fn from_site(site: &'a Site, number: u32) -> Self {
        Self::Site(SiteLine {
            number,
            kind: site.kind().word().into(),
            name: site.name().into(),
            file: site.file().into(),
            line: site.line(),
            module: site.module().into(),
            arguments: Names::OfSite(site.arguments()),
        })
    }
}

impl SiteLine<'_> {
    /// Creates the site. Leaks it, because sites are `'static`.
    pub(super) fn leak(self) -> &'static Site {
        let kind = Kind::ALL.into_iter().find(|kind| kind.word() == self.kind).unwrap_or(Kind::Stage);
        let [name, file, module] = [self.name, self.file, self.module]
            .map(|text| -> &'static str { Box::leak(text.into_owned().into_boxed_str()) });
        let site = Site::new(kind, name, file, self.line, module).with_arguments(self.arguments.leak());
        Box::leak(Box::new(site))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_and_broken_ones_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let journal = Journal::create(&path).unwrap();
        journal.append(&JournalLine::Session(serde_json::json!({"name": "a\nb \u{0} 步"})));
        journal.append(&JournalLine::Thread { ordinal: 7, os_id: 9, name: "main".into() });
        let bytes = std::fs::read(&path).unwrap();
        let (notes, unreadable) = read(&bytes);
        assert!(matches!(&notes[..], [JournalLine::Session(value), JournalLine::Thread { ordinal: 7, .. }]
            if value["name"] == "a\nb \u{0} 步"));
        assert_eq!(unreadable, 0);
        for cut in 1..bytes.len() {
            let (notes, unreadable) = read(&bytes[..cut]);
            assert!(notes.len() <= 2 && unreadable <= 1, "cut at {cut}");
        }
        let mut flipped = bytes;
        flipped[12] ^= 1;
        let (notes, unreadable) = read(&flipped);
        assert_eq!((notes.len(), unreadable), (1, 1));
    }
}
