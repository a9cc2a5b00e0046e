//! Claims: hidden files that name the owner of a folder until its artifacts are written.
//!
//! A killed process, or one that called `exec`, leaves its folder behind with nothing in it but the
//! claim, whose lock is released. The next start in the same parent folder, and `recover`, then
//! delete both. Locks of another machine may be invisible on a shared file system. A claim
//! therefore names the kernel's boot, and claims of other boots are left alone.

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use crate::collect::spool::locked_file::LockedFile;
use crate::os::host;

/// Name of the claim on a folder that belongs to one process.
const OWN: &str = ".claim";
/// Maximum number of folders that a start checks: the newest ones.
const MAX_SWEPT: usize = 64;

/// A claim on a folder, released when dropped.
pub(crate) struct Claim {
    path: PathBuf,
    _lock: LockedFile,
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Claim").field(&self.path).finish()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // From now on the artifacts hold the name. If the file cannot be deleted, it holds the name
        // too.
        let _ = fs::remove_file(&self.path);
    }
}

impl Claim {
    /// Claims a folder that this process has just created for itself.
    pub(super) fn own(folder: &Path) -> Option<Self> {
        Self::create(folder.join(OWN)).ok().flatten()
    }

    /// Claims a part, such as `rank0`, of a folder that processes share; `None` if a process that
    /// may be alive has claimed it.
    pub(super) fn shared(folder: &Path, part: &str) -> io::Result<Option<Self>> {
        Self::create(folder.join(shared_name(part)))
    }

    fn create(path: PathBuf) -> io::Result<Option<Self>> {
        match LockedFile::create(&path, &boot_id()) {
            Ok(lock) => Ok(Some(Self { path, _lock: lock })),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Self::take_over(path, &boot_id())),
            Err(error) => Err(error),
        }
    }

    /// Releases the claim without deleting its file.
    fn keep_file(mut self) {
        self.path = PathBuf::new();
    }

    /// Takes over a claim whose process is dead.
    fn take_over(path: PathBuf, boot: &str) -> Option<Self> {
        LockedFile::take_over(&path, boot).map(|lock| Self { path, _lock: lock })
    }
}

/// Returns the name of the claim on a part of a shared folder.
pub(super) fn shared_name(part: &str) -> String {
    format!(".{part}.claim")
}

/// Returns the id of the kernel's boot; empty if the system has none.
fn boot_id() -> String {
    host::clock().id.unwrap_or_default()
}

/// Deletes the claims of dead processes from a folder whose artifacts are written.
pub(crate) fn discard(folder: &Path, part: &str) {
    let boot = boot_id();
    for name in [OWN.to_owned(), shared_name(part)] {
        drop(Claim::take_over(folder.join(name), &boot));
    }
}

/// Deletes the folders in `base` that contain nothing but the claim of a dead process: all of them,
/// or the newest whose name contains `part`.
pub(crate) fn sweep(base: &Path, part: Option<&str>) {
    let entries = fs::read_dir(base).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
    if let Some(part) = part {
        names.retain(|name| name.to_string_lossy().contains(part));
        names.sort_unstable();
        names.drain(..names.len().saturating_sub(MAX_SWEPT));
    }
    let boot = boot_id();
    for folder in names.iter().map(|name| base.join(name)) {
        let Some(claim) = Claim::take_over(folder.join(OWN), &boot) else { continue };
        if fs::read_dir(&folder).is_ok_and(|entries| entries.count() == 1) {
            drop(claim);
            // Fails if another process has created a file there meanwhile.
            let _ = fs::remove_dir(&folder);
        } else {
            claim.keep_file();
        }
    }
}
