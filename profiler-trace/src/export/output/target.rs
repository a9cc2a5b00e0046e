//! The kind of object at a path before it is written to.
//!
//! A path that the profiler chose is unused. A path that the user chose (`perf_dump_path`,
//! `trace_file`, a merge's output) may be a file, which is replaced; a link, whose target is
//! replaced; or a device or pipe, which is written into, because a rename would replace it by a
//! regular file. Anything else is refused with a reason.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::outlet::Outlet;

/// Maximum number of links to follow, as on Linux.
const MAX_LINKS: usize = 40;

/// Destination of an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::export) enum Target {
    /// A file, existing or not, which is replaced atomically.
    File(PathBuf),
    /// A device, a pipe, or a descriptor that is already open.
    Stream(PathBuf),
}

impl Target {
    /// Follows the links at `path`. Opens nothing.
    ///
    /// # Errors
    ///
    /// Returns the reason if the target cannot be written: a folder, a socket, a disk, a read-only
    /// file.
    pub(in crate::export) fn resolve(path: &Path) -> io::Result<Self> {
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            if is_descriptor(&path) {
                return Ok(Self::Stream(path));
            }
            let found = match fs::symlink_metadata(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::File(path)),
                found => found?,
            };
            if !found.is_symlink() {
                return Self::from_metadata(path, &found);
            }
            let next = fs::read_link(&path)?;
            path = path.parent().unwrap_or(Path::new("")).join(next);
        }
        Err(io::Error::other("it is a link that leads back to itself: remove it"))
    }

    /// Returns the target at a path that is not a link.
    fn from_metadata(path: PathBuf, found: &fs::Metadata) -> io::Result<Self> {
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

/// Returns whether writing to `path` replaces an existing file.
pub(in crate::export) fn is_replaced(path: &Path) -> bool {
    matches!(Target::resolve(path), Ok(Target::File(path)) if path.exists())
}

#[cfg(unix)]
fn stream(path: PathBuf, found: &fs::Metadata) -> io::Result<Target> {
    use std::os::unix::fs::FileTypeExt as _;

    let kind = found.file_type();
    let refused = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}: name a file")));
    if kind.is_block_device() {
        refused("a disk, whose contents would be overwritten")
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

/// Returns whether the path refers to an open descriptor, as `/dev/stdout` does. The text of such a
/// link is not a path that can be opened.
fn is_descriptor(path: &Path) -> bool {
    let folder = path.parent().and_then(|folder| fs::canonicalize(folder).ok());
    folder.is_some_and(|folder| folder.starts_with("/proc") && folder.ends_with("fd"))
}

/// Opens a device or pipe without blocking.
#[cfg(unix)]
pub(super) fn open_stream(path: &Path) -> io::Result<Outlet> {
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let own = || Some(fs::canonicalize(path.parent()?).ok()? == fs::canonicalize("/proc/self/fd").ok()?);
    // Reopening a file would give it a separate position, and a socket cannot be reopened.
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
