//! Files that show that their process is alive: locked until it ends or executes another program.
//!
//! The kernel owns the lock, so nothing has to be cleaned up after a killed process. `exec` closes
//! Rust's files, and a forked child closes its copies at once.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use crate::os::mapping;
use crate::os::own_file::OwnFile;
use profiler_core::process::descriptors::ClosedInChild;

/// A file that this process keeps locked.
pub(crate) struct LockedFile {
    /// Closes the file in forked children; declared first, because it must be dropped before the
    /// file.
    _closed: ClosedInChild,
    _file: OwnFile,
}

impl LockedFile {
    /// Creates a new file that contains `text`. If the file cannot be locked it stays empty, so
    /// that no process mistakes it for the file of a dead process.
    ///
    /// # Errors
    ///
    /// Returns an error if the file exists already or cannot be created.
    pub(crate) fn create(path: &Path, text: &str) -> io::Result<Self> {
        let mut file = File::options().read(true).append(true).create_new(true).open(path)?;
        // Readers rely on this: a file with text is, or was, locked.
        if mapping::lock(&file).unwrap_or(false) {
            let _ = file.write_all(text.as_bytes());
        }
        Ok(Self::new(file))
    }

    /// Takes over the file of a dead process if it contains `text`.
    pub(crate) fn take_over(path: &Path, text: &str) -> Option<Self> {
        let mut file = File::options().read(true).append(true).open(path).ok()?;
        if !mapping::lock(&file).unwrap_or(false) {
            return None;
        }
        let mut found = String::new();
        file.read_to_string(&mut found).ok()?;
        // Its process may have deleted the file meanwhile, and another process created a new one.
        (!text.is_empty() && found == text && is_still_at(path, &file)).then(|| Self::new(file))
    }

    fn new(file: File) -> Self {
        Self { _closed: ClosedInChild::of(&file), _file: OwnFile::new(file) }
    }
}

#[cfg(unix)]
fn is_still_at(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |metadata: io::Result<std::fs::Metadata>| metadata.map(|metadata| (metadata.dev(), metadata.ino())).ok();
    id(std::fs::metadata(path)).is_some_and(|found| Some(found) == id(file.metadata()))
}

/// Returns false: files are not locked on this system, so no process is known to be dead.
#[cfg(not(unix))]
const fn is_still_at(_path: &Path, _file: &File) -> bool {
    false
}
