//! The journal beside a spool: the meaning of its entries, line by line.
//!
//! A line is the CRC-32 of a JSON text and the text. Lines are only appended, each with one write,
//! so a process that is killed leaves whole lines, and one that is torn (a power failure, a full
//! disk) is found out. Later lines win over earlier ones of the same subject.

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

/// One line. A line that is written while the program records borrows its text: it is made without
/// an allocation.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Note<'a> {
    /// Session, as the code that started the spool describes it.
    Session(Value),
    /// A thread that records.
    Thread { ordinal: u32, os_id: u64, name: Cow<'a, str> },
    /// The meaning of a site's number.
    Site(SiteNote<'a>),
    /// A recording begins.
    Window(WindowNote),
    /// The loop that drives the session, as far as it is known.
    Driver(DriverNote),
    /// Code loaded since the last such line: for the lookup of addresses.
    Code(Value),
    /// State of the source of GPU times; CUDA events were the first to have any.
    Events(Value),
}

/// The fields of an [`Anchor`].
#[derive(Deserialize, Serialize)]
#[serde(remote = "Anchor")]
struct AnchorNote {
    ticks: u64,
    monotonic_ns: u64,
    unix_ns: u64,
    uncertainty_ticks: u64,
    #[serde(default)]
    asleep_ns: u64,
}

/// The fields of [`Note::Site`].
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct SiteNote<'a> {
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

/// Names of arguments: the site's own list, or one that was read.
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

/// The fields of [`Note::Driver`].
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct DriverNote {
    /// Number of the site whose loop it is; none for bare `next_step()` calls.
    pub(crate) site: Option<u32>,
    /// Number of the first iteration that is recorded.
    pub(crate) first_step: u64,
}

/// The fields of [`Note::Window`].
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct WindowNote {
    /// First anchor of the process.
    #[serde(with = "AnchorNote")]
    pub(super) process: Anchor,
    #[serde(with = "AnchorNote")]
    pub(super) start: Anchor,
    /// Position of each thread's stream, by its number.
    pub(super) from: Vec<(u32, u64)>,
}

/// A journal that is being written.
pub(super) struct Journal {
    path: PathBuf,
    /// Closes the file in children, before it: a child that is forked off does not keep the lock
    /// when its parent ends.
    _closed: ClosedInChild,
    /// File and line, locked by the writer.
    file: Mutex<Lines>,
}

/// The file of a journal.
struct Lines {
    /// File, locked for as long as this process lives.
    file: OwnFile,
    length: u64,
    /// Line that is being written: its room is kept.
    line: Vec<u8>,
}

/// Bytes of most lines; longer ones allocate.
const LINE: usize = 8 << 10;
/// Checksum of a line before it is known.
const NO_SUM: &[u8] = b"00000000 ";

impl Journal {
    /// Creates a journal in a new file.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = File::options().append(true).create_new(true).open(path)?;
        if !mapping::lock(&file)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let _closed = ClosedInChild::of(&file);
        let lines = Lines { file: OwnFile::new(file), length: 0, line: Vec::with_capacity(LINE) };
        Ok(Self { path: path.to_owned(), _closed, file: Mutex::new(lines) })
    }

    /// Appends a line. One that cannot be written is missing when the journal is read: its subject
    /// is counted there.
    pub(super) fn append(&self, note: &impl Serialize) {
        self.append_all([note]);
    }

    /// Appends lines with one write: a disk may take long for each.
    pub(super) fn append_all(&self, notes: impl IntoIterator<Item = impl Serialize>) {
        let mut lines = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        lines.line.clear();
        if notes.into_iter().all(|note| lines.add(&note).is_some()) {
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

impl Lines {
    /// Adds a line to the pending ones; `None` if there is no memory for it.
    fn add(&mut self, note: &impl Serialize) -> Option<()> {
        let start = self.line.len();
        let mut text = Text { bytes: &mut self.line, is_whole: true };
        text.add(NO_SUM);
        serde_json::to_writer(&mut text, note).ok()?;
        text.add(b"\n");
        text.is_whole.then_some(())?;
        let (mut head, json) = self.line[start..].split_at_mut(NO_SUM.len());
        let sum = checksum(&json[..json.len() - 1]);
        write!(head, "{sum:08x}").ok()
    }

    fn write(&mut self) {
        let end = self.length + self.line.len() as u64;
        if mapping::may_reach(end) && self.file.get().and_then(|mut file| file.write_all(&self.line)).is_ok() {
            self.length = end;
        }
    }
}

/// A text that grows as long as there is memory. Running out is no error value, which would need
/// memory itself.
struct Text<'a> {
    bytes: &'a mut Vec<u8>,
    is_whole: bool,
}

impl Text<'_> {
    fn add(&mut self, bytes: &[u8]) {
        self.is_whole &= self.bytes.try_reserve(bytes.len()).is_ok();
        if self.is_whole {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

impl Write for Text<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Deletes a journal; where nothing can be deleted, empties it: nothing can be recovered from an
/// empty one.
pub(crate) fn discard(path: &Path) -> io::Result<()> {
    let empty = |error| File::options().write(true).truncate(true).open(path).map(drop).map_err(|_| error);
    std::fs::remove_file(path).or_else(empty)
}

/// Returns the lines of a journal, and how many could not be read. Any bytes are accepted.
pub(super) fn read(bytes: &[u8]) -> (Vec<Note<'static>>, u64) {
    let (mut notes, mut unreadable) = (Vec::new(), 0);
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match read_line(line) {
            Some(note) => notes.push(note),
            None => unreadable += 1,
        }
    }
    (notes, unreadable)
}

fn read_line(line: &[u8]) -> Option<Note<'static>> {
    let (sum, json) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    let right = u32::from_str_radix(sum, 16).ok()? == checksum(json.as_bytes());
    if right { serde_json::from_str(json).ok() } else { None }
}

fn checksum(text: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(text);
    crc.sum()
}

impl<'a> Note<'a> {
    pub(super) fn of_thread(thread: &'a ThreadIdentity) -> Self {
        Self::Thread { ordinal: thread.ordinal, os_id: thread.os_id, name: thread.name.as_str().into() }
    }

    pub(super) fn of_site(site: &'a Site, number: u32) -> Self {
        Self::Site(SiteNote {
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

impl SiteNote<'_> {
    /// Creates the site, which is kept for ever, as sites are.
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
        journal.append(&Note::Session(serde_json::json!({"name": "a\nb \u{0} 步"})));
        journal.append(&Note::Thread { ordinal: 7, os_id: 9, name: "main".into() });
        let bytes = std::fs::read(&path).unwrap();
        let (notes, unreadable) = read(&bytes);
        assert!(matches!(&notes[..], [Note::Session(value), Note::Thread { ordinal: 7, .. }]
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
