//! Maps a file into memory, so that stores into it survive the process however it ends.
//!
//! Blocks are allocated before they are written to ([`Mapping::allocate`]): a store into a hole on
//! a full disk would raise SIGBUS in the host, and one beyond the file size limit SIGXFSZ. A failed
//! allocation is an error instead. If a store fails in spite of its allocation,
//! [`fault`](super::fault) handles it.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU64;

use super::fault::Guard;
use crate::os::own_file::OwnFile;

/// A shared mapping of a file.
pub(crate) struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
    file: OwnFile,
    guard: Guard,
}

// SAFETY: the mapping is plain memory; its users synchronize their accesses themselves.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `bytes` of a file, which may be shorter: only allocated parts may be
    /// accessed.
    pub(crate) fn new(file: File, bytes: usize, writable: bool) -> io::Result<Self> {
        let access = if writable { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_READ };
        // SAFETY: creates a mapping at an address that the kernel chooses.
        let start = unsafe { libc::mmap(ptr::null_mut(), bytes, access, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start: NonNull<u8> = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let guard = Guard::new(start.as_ptr() as usize, bytes).inspect_err(|_| {
            // SAFETY: mapped just now; no pointer into it exists.
            unsafe { libc::munmap(start.as_ptr().cast(), bytes) };
        })?;
        Ok(Self { start, bytes, file: OwnFile::new(file), guard })
    }

    /// Returns the address of `offset`, which must lie inside the mapping.
    pub(crate) fn at(&self, offset: usize) -> NonNull<u8> {
        debug_assert!(offset < self.bytes);
        // SAFETY: the offset lies inside the mapping.
        unsafe { self.start.add(offset) }
    }

    /// Returns the word at `offset`, which must be a multiple of 8 in allocated blocks.
    pub(crate) fn word(&self, offset: usize) -> &AtomicU64 {
        debug_assert!(offset.is_multiple_of(8));
        // SAFETY: aligned, inside the mapping, and only ever accessed atomically; a read-only
        // mapping is only loaded from.
        unsafe { self.at(offset).cast().as_ref() }
    }

    /// Zeroes memory that only the caller uses.
    pub(crate) fn clear(&self, offset: usize, bytes: usize) {
        // SAFETY: inside the mapping; only the caller uses this part.
        unsafe { self.at(offset).write_bytes(0, bytes) };
    }

    /// Extends the file to at least `end` bytes without allocating blocks.
    pub(crate) fn extend_to(&self, end: usize) -> io::Result<()> {
        if end > self.bytes || !may_grow_to(end as u64) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let (file, end) = (self.file.get()?, end as u64);
        if file.metadata()?.len() < end { file.set_len(end) } else { Ok(()) }
    }

    /// Allocates zeroed disk blocks for `bytes` from `offset` on.
    pub(crate) fn allocate(&self, offset: usize, bytes: usize) -> io::Result<()> {
        let end = offset + bytes;
        if end > self.bytes || !may_grow_to(end as u64) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let file = self.file.get()?.as_raw_fd();
        // SAFETY: a call on our own file; the offsets were checked to lie inside the mapping.
        match unsafe { libc::posix_fallocate(file, offset as libc::off_t, bytes as libc::off_t) } {
            0 => Ok(()),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }

    /// Faults in pages that will be written soon, which is cheaper than one fault for each page.
    ///
    /// # Errors
    ///
    /// Returns an error if a store into one of the pages would fail.
    pub(crate) fn populate(&self, offset: usize, bytes: usize) -> io::Result<()> {
        match self.advise(offset, bytes, libc::MADV_POPULATE_WRITE) {
            // Kernels before 5.14 do not know this advice.
            Err(error) if error.raw_os_error() == Some(libc::EFAULT) => Err(error),
            _ => Ok(()),
        }
    }

    /// Releases pages from the process's memory; the next access reads them from the file again.
    /// Keeps all pages if any has failed, because a failed page is no longer backed by the file.
    pub(crate) fn release(&self, offset: usize, bytes: usize) {
        if self.failed_pages() == 0 {
            // If the kernel refuses, the pages merely stay.
            let _ = self.advise(offset, bytes, libc::MADV_DONTNEED);
        }
    }

    /// Returns the number of pages whose stores or loads have failed.
    pub(crate) fn failed_pages(&self) -> usize {
        self.guard.failed_pages()
    }

    fn advise(&self, offset: usize, bytes: usize, advice: i32) -> io::Result<()> {
        // SAFETY: inside our own mapping of a file; the advice used here does not change its
        // contents.
        match unsafe { libc::madvise(self.at(offset).as_ptr().cast(), bytes, advice) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Returns blocks to the file system and discards their contents.
    pub(crate) fn punch(&self, offset: usize, bytes: usize) {
        let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        let Ok(file) = self.file.get() else { return };
        // SAFETY: a call on our own file, for a part that no thread uses.
        unsafe { libc::fallocate(file.as_raw_fd(), mode, offset as libc::off_t, bytes as libc::off_t) };
    }

    /// Waits until every store has reached the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.get()?.sync_data()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        self.guard.end();
        // SAFETY: mapped by `new`; no borrow of it remains.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

/// Locks a file for the lifetime of this process; returns false if another process holds the lock.
pub(crate) fn lock(file: &File) -> io::Result<bool> {
    // SAFETY: a call on an open file.
    if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::WouldBlock { Ok(false) } else { Err(error) }
}

/// Returns whether the file size limit lets this process create a file of `bytes`. A write beyond
/// the limit would raise SIGXFSZ and kill the process.
pub(crate) fn may_grow_to(bytes: u64) -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes to a local.
    let is_limited = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) } == 0;
    !is_limited || bytes <= limit.rlim_cur
}
