//! A file as memory: data stored in it outlives the process, however that ends.
//!
//! Blocks are allocated before they are written to ([`Mapping::allocate`]): a store into a hole of
//! a file on a full disk would be a SIGBUS for the host. A failed allocation is an error instead;
//! so is a limit on the size of files, which would be a SIGXFSZ. Where blocks fail all the same,
//! [`fault`] survives it. Other systems have `unsupported`.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU64;

use super::fault::Guard;
use crate::os::own_file::OwnFile;

/// A file, mapped shared.
pub(crate) struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
    file: OwnFile,
    guard: Guard,
}

// SAFETY: the mapping is plain memory, which its users share by rules of their own.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `bytes` of a file, also where it does not reach yet: only what is allocated
    /// may be touched.
    pub(crate) fn new(file: File, bytes: usize, writable: bool) -> io::Result<Self> {
        let access = if writable { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_READ };
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe { libc::mmap(ptr::null_mut(), bytes, access, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start: NonNull<u8> = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let guard = Guard::over(start.as_ptr() as usize, bytes).inspect_err(|_| {
            // SAFETY: mapped just now; nobody knows of it.
            unsafe { libc::munmap(start.as_ptr().cast(), bytes) };
        })?;
        Ok(Self { start, bytes, file: OwnFile::new(file), guard })
    }

    /// Returns the memory at an offset, which must lie inside.
    pub(crate) fn at(&self, offset: usize) -> NonNull<u8> {
        debug_assert!(offset < self.bytes);
        // SAFETY: inside the mapping.
        unsafe { self.start.add(offset) }
    }

    /// Returns the number at an offset that is a multiple of 8 and lies in allocated blocks.
    pub(crate) fn word(&self, offset: usize) -> &AtomicU64 {
        debug_assert!(offset.is_multiple_of(8));
        // SAFETY: aligned, inside, and only ever touched atomically; a read-only mapping is only
        // loaded from.
        unsafe { self.at(offset).cast().as_ref() }
    }

    /// Writes zeros over memory that is the caller's alone.
    pub(crate) fn clear(&self, offset: usize, bytes: usize) {
        // SAFETY: inside; the caller alone has it.
        unsafe { self.at(offset).write_bytes(0, bytes) };
    }

    /// Extends the file to `end`, without blocks for the new part.
    pub(crate) fn reach(&self, end: usize) -> io::Result<()> {
        if end > self.bytes || !may_reach(end as u64) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let (file, end) = (self.file.get()?, end as u64);
        if file.metadata()?.len() < end { file.set_len(end) } else { Ok(()) }
    }

    /// Gives the file blocks on the disk from `offset` on, filled with zeros.
    pub(crate) fn allocate(&self, offset: usize, bytes: usize) -> io::Result<()> {
        let end = offset + bytes;
        if end > self.bytes || !may_reach(end as u64) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let file = self.file.get()?.as_raw_fd();
        // SAFETY: a call on our own file; the offsets were just checked to be small.
        match unsafe { libc::posix_fallocate(file, offset as libc::off_t, bytes as libc::off_t) } {
            0 => Ok(()),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }

    /// Makes pages that will be written soon present at once, which is cheaper than one after the
    /// other.
    ///
    /// # Errors
    ///
    /// Fails if a store into one of them would fail.
    pub(crate) fn populate(&self, offset: usize, bytes: usize) -> io::Result<()> {
        match self.advise(offset, bytes, libc::MADV_POPULATE_WRITE) {
            // Kernels before 5.14 do not know the advice.
            Err(error) if error.raw_os_error() == Some(libc::EFAULT) => Err(error),
            _ => Ok(()),
        }
    }

    /// Releases the pages from the process's memory; they come back from the file when they are
    /// touched. Pages that have failed would not, so all stay.
    pub(crate) fn release(&self, offset: usize, bytes: usize) {
        if self.failed_pages() == 0 {
            // A kernel that refuses it changes nothing.
            let _ = self.advise(offset, bytes, libc::MADV_DONTNEED);
        }
    }

    /// Returns how many pages could not be stored to or read.
    pub(crate) fn failed_pages(&self) -> usize {
        self.guard.failed_pages()
    }

    fn advise(&self, offset: usize, bytes: usize, advice: i32) -> io::Result<()> {
        // SAFETY: inside our own mapping of a file, whose contents no advice changes.
        match unsafe { libc::madvise(self.at(offset).as_ptr().cast(), bytes, advice) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Gives blocks back to the disk; their contents are gone.
    pub(crate) fn punch(&self, offset: usize, bytes: usize) {
        let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        let Ok(file) = self.file.get() else { return };
        // SAFETY: a call on our own file, about a part that nobody uses.
        unsafe { libc::fallocate(file.as_raw_fd(), mode, offset as libc::off_t, bytes as libc::off_t) };
    }

    /// Waits until all stores are on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.get()?.sync_data()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        self.guard.end();
        // SAFETY: mapped by `new`; nobody can reach it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

/// Takes the lock on a file that a process keeps for as long as it lives; false if another process
/// has it.
pub(crate) fn lock(file: &File) -> io::Result<bool> {
    // SAFETY: a call on an open file.
    if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::WouldBlock { Ok(false) } else { Err(error) }
}

/// Returns whether this process may make files this large: asking first spares it a signal that
/// would end it.
pub(crate) fn may_reach(bytes: u64) -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel fills in a structure of ours.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) } == 0;
    !known || bytes <= limit.rlim_cur
}
