//! A file of ours, in a process whose descriptors are not: a host may close all of them, and open
//! its own under their numbers. Each use asks first, so that nothing is done to the host's files,
//! and the last one leaves the host's alone.

use std::fs::File;
use std::io;

use profiler_core::process::descriptors::Known;

/// An open file, unless other code has closed it.
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
    /// Fails if the host has closed it.
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
            // The number is the host's.
            let _ = self.file.take().map(std::os::fd::IntoRawFd::into_raw_fd);
        }
    }
}
