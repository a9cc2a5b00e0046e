//! Claims: hidden files that name the owner of a folder, until its artifacts are written.
//!
//! A process that is killed, or becomes another program (`exec`), leaves its folder behind with
//! nothing in it but the claim. No process holds the lock of that claim then, so the next start
//! beside it, and `recover`, delete both. Locks of another machine may not be seen here: a claim
//! names the boot of its kernel, and those of others are left alone.

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use crate::collect::spool::held::Held;
use crate::os::host_clock;

/// Name of the claim on a folder of one process's own.
const OWN: &str = ".claim";
/// Most folders that a start looks at: the newest ones.
const MOST: usize = 64;

/// A hold on a folder: released when this is dropped.
pub(crate) struct Claim {
    path: PathBuf,
    _held: Held,
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Claim").field(&self.path).finish()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // The artifacts hold the name from now on; a file that is left holds it too.
        let _ = fs::remove_file(&self.path);
    }
}

impl Claim {
    /// Claims a folder that this process has just made for itself.
    pub(super) fn own(folder: &Path) -> Option<Self> {
        Self::make(folder.join(OWN)).ok().flatten()
    }

    /// Claims a part of a folder that processes share, such as `rank0`; `None` if a process that
    /// may live has it.
    pub(super) fn shared(folder: &Path, part: &str) -> io::Result<Option<Self>> {
        Self::make(folder.join(shared_name(part)))
    }

    fn make(path: PathBuf) -> io::Result<Option<Self>> {
        match Held::create(&path, &here()) {
            Ok(held) => Ok(Some(Self { path, _held: held })),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Self::abandoned(path, &here())),
            Err(error) => Err(error),
        }
    }

    /// Leaves the file where it was found.
    fn leave(mut self) {
        self.path = PathBuf::new();
    }

    /// Takes over a claim whose process is gone.
    fn abandoned(path: PathBuf, here: &str) -> Option<Self> {
        Held::take(&path, here).map(|held| Self { path, _held: held })
    }
}

/// Returns the name of the claim on a part of a shared folder.
pub(super) fn shared_name(part: &str) -> String {
    format!(".{part}.claim")
}

/// Returns the boot of this kernel; empty where the system has no name for it.
fn here() -> String {
    host_clock::now().id.unwrap_or_default()
}

/// Deletes claims of processes that are gone from a folder whose artifacts are written.
pub(crate) fn discard(folder: &Path, part: &str) {
    let here = here();
    for name in [OWN.to_owned(), shared_name(part)] {
        drop(Claim::abandoned(folder.join(name), &here));
    }
}

/// Deletes the folders in `base` that have nothing in them but the claim of a process that is gone:
/// all of them, or the newest whose name contains `of_name`.
pub(crate) fn sweep(base: &Path, of_name: Option<&str>) {
    let entries = fs::read_dir(base).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
    if let Some(part) = of_name {
        names.retain(|name| name.to_string_lossy().contains(part));
        names.sort_unstable();
        names.drain(..names.len().saturating_sub(MOST));
    }
    let here = here();
    for folder in names.iter().map(|name| base.join(name)) {
        let Some(claim) = Claim::abandoned(folder.join(OWN), &here) else { continue };
        if fs::read_dir(&folder).is_ok_and(|entries| entries.count() == 1) {
            drop(claim);
            // Refused if another process has put something there meanwhile.
            let _ = fs::remove_dir(&folder);
        } else {
            claim.leave();
        }
    }
}
