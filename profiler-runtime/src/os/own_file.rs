//! Guards a file of the profiler against a host that closes descriptors it does not own.
//!
//! A daemon may close every descriptor and then open its own files under the same numbers. Each
//! access first checks that the descriptor still belongs to this file, so the profiler never writes
//! to, or closes, a file of the host.

use std::fs::File;
use std::io;

use profiler_core::process::descriptors::Known;

/// An open file whose descriptor the host may close at any time.
pub(crate) struct OwnFile {
    file: Option<File>,
    known: Known,
}

impl OwnFile {
    pub(crate) fn new(file: File) -> Self {
        #[cfg(unix)]
        let number = std::os::fd::AsRawFd::as_raw_fd(&file);
        #[cfg(not(unix))]
        let number = 0;
        Self { file: Some(file), known: Known::of(number) }
    }

    /// Returns the file.
    ///
    /// # Errors
    ///
    /// Returns an error if the host has closed the descriptor.
    pub(crate) fn get(&self) -> io::Result<&File> {
        let file = self.file.as_ref().filter(|_| self.known.get().is_some());
        file.ok_or_else(|| {
            io::Error::other("the program has closed its file: start a session after closing descriptors, not before")
        })
    }
}

impl Drop for OwnFile {
    fn drop(&mut self) {
        #[cfg(unix)]
        if self.known.get().is_none() {
            // The number now belongs to a file of the host: leave that file open.
            let _ = self.file.take().map(std::os::fd::IntoRawFd::into_raw_fd);
        }
    }
}
