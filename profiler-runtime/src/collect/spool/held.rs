//! Files which show that their process lives: locked until it ends, or becomes another program.
//!
//! The lock is the kernel's, so nothing has to be undone when a process is killed. Rust's files are
//! closed by `exec`, and a child that is forked off closes its copies at once.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use crate::os::mapping;
use crate::os::own_file::OwnFile;
use profiler_core::process::descriptors::ClosedInChild;

/// A file that this process holds.
pub(crate) struct Held {
    /// Closes the file in children; dropped before the file: see there.
    _closed: ClosedInChild,
    _file: OwnFile,
}

impl Held {
    /// Creates a new file with this text. Where files cannot be locked, the text is missing, so
    /// that nobody takes the file for one whose process is gone.
    ///
    /// # Errors
    ///
    /// Fails if it is there already, or cannot be created.
    pub(crate) fn create(path: &Path, text: &str) -> io::Result<Self> {
        let mut file = File::options().read(true).append(true).create_new(true).open(path)?;
        // The text only where the lock is: its readers rely on that.
        if mapping::lock(&file).unwrap_or(false) {
            let _ = file.write_all(text.as_bytes());
        }
        Ok(Self::of(file))
    }

    /// Takes over the file of a process that is gone, if it has this text.
    pub(crate) fn take(path: &Path, text: &str) -> Option<Self> {
        let mut file = File::options().read(true).append(true).open(path).ok()?;
        if !mapping::lock(&file).unwrap_or(false) {
            return None;
        }
        let mut found = String::new();
        file.read_to_string(&mut found).ok()?;
        // Its process may have deleted it meanwhile, and another have made a new one.
        (!text.is_empty() && found == text && is_still_at(path, &file)).then(|| Self::of(file))
    }

    fn of(file: File) -> Self {
        Self { _closed: ClosedInChild::of(&file), _file: OwnFile::new(file) }
    }
}

#[cfg(unix)]
fn is_still_at(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let of = |metadata: io::Result<fs::Metadata>| metadata.map(|metadata| (metadata.dev(), metadata.ino())).ok();
    of(fs::metadata(path)).is_some_and(|found| Some(found) == of(file.metadata()))
}

/// Returns false, because files are not locked here: no process is known to be gone.
#[cfg(not(unix))]
const fn is_still_at(_path: &Path, _file: &File) -> bool {
    false
}
