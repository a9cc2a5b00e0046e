//! The kind of thing that stands under a path before it is written to.
//!
//! A path that we choose is free. One that the user spells out (`perf_dump_path`, `trace_file`, a
//! merge's output) may be a file, which is replaced, a link, whose target is, or a device or pipe,
//! which is written into: a rename would put a file in its place. What can be neither is refused
//! with a reason.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::outlet::Outlet;

/// Links that are followed: as many as Linux follows.
const MOST_LINKS: usize = 40;

/// Destination of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::export) enum Target {
    /// A file, there or not yet, which is replaced as a whole.
    File(PathBuf),
    /// A device, a pipe, or something that the process has open already.
    Stream(PathBuf),
}

impl Target {
    /// Follows links to what `path` names. Opens nothing.
    ///
    /// # Errors
    ///
    /// Returns why it cannot be written to: a folder, a socket, a disk, a file that is protected.
    pub(in crate::export) fn of(path: &Path) -> io::Result<Self> {
        let mut path = path.to_owned();
        for _ in 0..MOST_LINKS {
            if is_descriptor(&path) {
                return Ok(Self::Stream(path));
            }
            let found = match fs::symlink_metadata(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::File(path)),
                found => found?,
            };
            if !found.is_symlink() {
                return Self::there(path, &found);
            }
            let next = fs::read_link(&path)?;
            path = path.parent().unwrap_or(Path::new("")).join(next);
        }
        Err(io::Error::other("it is a link that leads back to itself: remove it"))
    }

    /// Returns the target for a path that is no link.
    fn there(path: PathBuf, found: &fs::Metadata) -> io::Result<Self> {
        if found.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder: name a file in it"));
        }
        if !found.is_file() {
            return stream(path, found);
        }
        if found.permissions().readonly() {
            let message = "nobody may write to the file that is there: give it the permission, or name another";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
        Ok(Self::File(path))
    }
}

/// Returns whether writing to `path` replaces a file that is there.
pub(in crate::export) fn is_replaced(path: &Path) -> bool {
    matches!(Target::of(path), Ok(Target::File(path)) if path.exists())
}

#[cfg(unix)]
fn stream(path: PathBuf, found: &fs::Metadata) -> io::Result<Target> {
    use std::os::unix::fs::FileTypeExt as _;

    let kind = found.file_type();
    let refused = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}: name a file")));
    if kind.is_block_device() {
        refused("a disk, and what is on it would be lost")
    } else if kind.is_socket() {
        refused("a socket")
    } else {
        Ok(Target::Stream(path))
    }
}

#[cfg(not(unix))]
fn stream(path: PathBuf, _found: &fs::Metadata) -> io::Result<Target> {
    Ok(Target::Stream(path))
}

/// Returns whether the path stands for something that a process has open, as `/dev/stdout` does:
/// what such a link says of its target is for people.
fn is_descriptor(path: &Path) -> bool {
    let folder = path.parent().and_then(|folder| fs::canonicalize(folder).ok());
    folder.is_some_and(|folder| folder.starts_with("/proc") && folder.ends_with("fd"))
}

/// Opens a device or a pipe, without waiting for anybody.
#[cfg(unix)]
pub(super) fn open_stream(path: &Path) -> io::Result<Outlet> {
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let own = || Some(fs::canonicalize(path.parent()?).ok()? == fs::canonicalize("/proc/self/fd").ok()?);
    // Opened anew, a file would have a position of its own, and a socket cannot be.
    let name = path.file_name().filter(|_| is_descriptor(path) && own() == Some(true));
    let shared = match name.and_then(|name| name.to_str()) {
        Some("1") => Some(io::stdout().as_fd().try_clone_to_owned()?),
        Some("2") => Some(io::stderr().as_fd().try_clone_to_owned()?),
        _ => None,
    };
    if let Some(shared) = shared {
        return Ok(Outlet::new(File::from(shared)));
    }
    let opened = File::options().append(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path);
    opened.map(Outlet::new).map_err(|error| match error.raw_os_error() {
        Some(libc::ENXIO) => io::Error::other("it is a pipe that nobody reads: start its reader first"),
        _ => error,
    })
}

#[cfg(not(unix))]
pub(super) fn open_stream(path: &Path) -> io::Result<Outlet> {
    File::options().append(true).open(path).map(Outlet::new)
}
