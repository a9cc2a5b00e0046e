//! The journal beside a spool: what its entries mean, line by line.
//!
//! A line is the CRC-32 of a JSON text and the text. Lines are only appended, each with one write, so a process that is
//! killed leaves whole lines, and one that is torn (a power failure, a full disk) is found out. Later lines win over
//! earlier ones of the same subject.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::mapping;
use super::own_file::OwnFile;
use crate::record::clock::Anchor;
use crate::record::process::descriptors::ClosedInChild;
use crate::record::registry::ThreadIdentity;
use crate::record::{Kind, Site};

/// One line.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Note {
    /// Whose session it is: for whoever started it.
    Session(Value),
    /// A thread that records.
    Thread(ThreadIdentity),
    /// What a site's number stands for.
    Site(SiteNote),
    /// A recording begins.
    Window(WindowNote),
    /// What code was loaded since the last such line: for whoever names addresses.
    Code(Value),
    /// On which devices ranges are timed by events.
    Events(Value),
}

/// See [`Note::Site`].
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct SiteNote {
    pub(super) number: u32,
    kind: String,
    name: String,
    file: String,
    line: u32,
    module: String,
}

/// See [`Note::Window`].
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct WindowNote {
    /// The process's first.
    pub(super) process: Anchor,
    pub(super) start: Anchor,
    /// Where each thread's stream was, by its number.
    pub(super) from: Vec<(u32, u64)>,
}

/// A journal that is written.
pub(super) struct Journal {
    path: PathBuf,
    /// Before the file: a child that is forked off does not keep the lock when its parent ends.
    _closed: ClosedInChild,
    /// The file, locked for as long as this process lives, and its length.
    file: Mutex<(OwnFile, u64)>,
}

impl Journal {
    /// A new file.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = File::options().append(true).create_new(true).open(path)?;
        if !mapping::lock(&file)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let _closed = ClosedInChild::of(&file);
        Ok(Self { path: path.to_owned(), _closed, file: Mutex::new((OwnFile::new(file), 0)) })
    }

    /// Appends a line. One that cannot be written is missing when the journal is read: what it was about is counted
    /// there.
    pub(super) fn append(&self, note: &Note) {
        self.append_all(std::slice::from_ref(note));
    }

    /// Appends lines with one write: a disk may take long for each.
    pub(super) fn append_all(&self, notes: &[Note]) {
        let json = notes.iter().filter_map(|note| serde_json::to_string(note).ok());
        let line: String = json.map(|json| format!("{:08x} {json}\n", checksum(&json))).collect();
        let mut guard = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, length) = &mut *guard;
        let end = *length + line.len() as u64;
        if mapping::may_reach(end) && file.get().and_then(|mut file| file.write_all(line.as_bytes())).is_ok() {
            *length = end;
        }
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).0.get()?.sync_data()
    }

    pub(super) fn discard(&self) -> io::Result<()> {
        discard(&self.path)
    }
}

/// Deletes a journal; where nothing can be deleted, empties it: an empty one is nobody's to recover.
pub(crate) fn discard(path: &Path) -> io::Result<()> {
    let empty = |error| File::options().write(true).truncate(true).open(path).map(drop).map_err(|_| error);
    std::fs::remove_file(path).or_else(empty)
}

/// The lines of a journal, and how many could not be read. Any bytes will do.
pub(super) fn read(bytes: &[u8]) -> (Vec<Note>, u64) {
    let (mut notes, mut unreadable) = (Vec::new(), 0);
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match read_line(line) {
            Some(note) => notes.push(note),
            None => unreadable += 1,
        }
    }
    (notes, unreadable)
}

fn read_line(line: &[u8]) -> Option<Note> {
    let (sum, json) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    let right = u32::from_str_radix(sum, 16).ok()? == checksum(json);
    if right { serde_json::from_str(json).ok() } else { None }
}

fn checksum(text: &str) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(text.as_bytes());
    crc.sum()
}

impl SiteNote {
    pub(super) fn of(site: &Site, number: u32) -> Self {
        let kind = match site.kind() {
            Kind::Stage => "stage",
            Kind::Step => "step",
            Kind::Op => "op",
            Kind::Request => "request",
        };
        let [kind, name, file, module] = [kind, site.name(), site.file(), site.module()].map(str::to_owned);
        Self { number, kind, name, file, line: site.line(), module }
    }

    /// The site, kept for ever: sites are.
    pub(super) fn leak(self) -> &'static Site {
        let kind = match self.kind.as_str() {
            "step" => Kind::Step,
            "op" => Kind::Op,
            "request" => Kind::Request,
            _ => Kind::Stage,
        };
        let [name, file, module] =
            [self.name, self.file, self.module].map(|text| -> &'static str { Box::leak(text.into_boxed_str()) });
        Box::leak(Box::new(Site::new(kind, name, file, self.line, module)))
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
        journal.append(&Note::Thread(ThreadIdentity { ordinal: 7, os_id: 9, name: "main".to_owned() }));
        let bytes = std::fs::read(&path).unwrap();
        let (notes, unreadable) = read(&bytes);
        assert!(matches!(&notes[..], [Note::Session(value), Note::Thread(thread)]
            if value["name"] == "a\nb \u{0} 步" && thread.ordinal == 7));
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
