//! Unix sockets that only their user can reach.
//!
//! Not every system honours a socket's own mode, but all honour its folder's. The folder therefore
//! has mode 0700 and the socket 0600. Where the system reports the user at the other end, that is
//! checked too.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::address::{Address, LinkError};
use profiler_core::process::descriptors::ClosedInChild;

/// A listening socket. Its file is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Listener {
    socket: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Listens at `path`; replaces a file that a killed coordinator has left there.
    pub(super) fn bind(path: &Path) -> Result<Self, LinkError> {
        let failed = |source| LinkError::Bind { address: Address::Unix(path.to_owned()), source: Arc::new(source) };
        let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        if !create_private(folder).map_err(failed)? {
            return Err(LinkError::OpenFolder { folder: folder.to_owned() });
        }
        remove_stale(path).map_err(failed)?;
        let socket = UnixListener::bind(path).map_err(failed)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Self { socket, path: path.to_owned() })
    }

    pub(super) fn accept(&self) -> io::Result<UnixStream> {
        let (socket, _) = self.socket.accept()?;
        check_peer(&socket)?;
        Ok(socket)
    }

    pub(super) fn closed_in_child(&self) -> ClosedInChild {
        ClosedInChild::of(&self.socket)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Fails if another program has removed it already.
        let _ = fs::remove_file(&self.path);
    }
}

/// Connects to a coordinator of the same user.
pub(super) fn connect(path: &Path) -> io::Result<UnixStream> {
    let socket = UnixStream::connect(path)?;
    check_peer(&socket)?;
    Ok(socket)
}

/// Creates the folder if it does not exist; returns false if other users may enter it.
fn create_private(folder: &Path) -> io::Result<bool> {
    if let Some(above) = folder.parent().filter(|above| !above.exists()) {
        DirBuilder::new().recursive(true).mode(0o700).create(above)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::metadata(folder)?;
    Ok(found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o077 == 0)
}

fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if !found.file_type().is_socket() => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is a file that is no socket: name another, or delete it",
        )),
        Ok(_) if UnixStream::connect(path).is_ok() => {
            Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there: name another, or end it"))
        }
        Ok(_) => fs::remove_file(path),
    }
}

/// Accepts the same user, and the superuser, who can impersonate any user.
#[cfg(target_os = "linux")]
fn check_peer(socket: &UnixStream) -> io::Result<()> {
    let other = rustix::net::sockopt::socket_peercred(socket)?.uid;
    if other == rustix::process::geteuid() || other.is_root() {
        return Ok(());
    }
    let why = format!("the process at the other end belongs to another user ({})", other.as_raw());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}

#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_wraps, reason = "it can fail on Linux")]
fn check_peer(_: &UnixStream) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_its_users_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/profiler.sock");
        let listener = Listener::bind(&path).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert!(connect(&path).is_ok());
        let second = Listener::bind(&path).unwrap_err().to_string();
        assert!(second.ends_with("another process listens there: name another, or end it"), "{second}");
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_that_others_may_enter_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(Listener::bind(&folder.path().join("x")), Err(LinkError::OpenFolder { .. })));
    }

    #[test]
    fn only_a_dead_socket_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own/profiler.sock");
        assert!(create_private(&folder.path().join("own")).unwrap());
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists() && Listener::bind(&path).is_ok());
        fs::write(&path, "precious").unwrap();
        assert!(Listener::bind(&path).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }
}
