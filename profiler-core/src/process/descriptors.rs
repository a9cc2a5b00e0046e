//! File descriptors of the profiler: closed in forked children, and checked before use because a
//! host may have reused their numbers.
//!
//! A forked child has copies of all descriptors. A file lock, a listening port and a connection
//! live as long as their last copy, so a child closes those ([`ClosedInChild`]), lest they outlive
//! their owner.
//!
//! A host may close descriptors that it did not open (daemons close all), and the next files that
//! it opens get the same numbers. So a number is stored with the identity of its file ([`Known`])
//! and checked before each use that could harm the host.

use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

/// Maximum number of descriptors that children close; more than the connections of most jobs.
/// Children keep their copies of any others.
const MAX_CLOSED: usize = 1024;
static CLOSED: [Known; MAX_CLOSED] = [const { Known::none() }; MAX_CLOSED];

/// Number that stands for no descriptor.
const NONE: i32 = -1;
/// Number of an entry that is taken, but whose descriptor has not been stored yet.
#[cfg(unix)]
const TAKEN: i32 = -2;

/// A descriptor with the identity of the file that is open under it.
pub struct Known {
    number: AtomicI32,
    file: [AtomicU64; 2],
}

impl Known {
    /// Creates an entry without a descriptor, until [`set`](Self::set) stores one.
    pub const fn none() -> Self {
        Self { number: AtomicI32::new(NONE), file: [const { AtomicU64::new(0) }; 2] }
    }

    /// Creates an entry for the file that is open under this number now.
    pub fn of(number: i32) -> Self {
        let known = Self::none();
        known.set(number);
        known
    }

    /// Stores a number and the identity of the file that is open under it now.
    pub fn set(&self, number: i32) {
        for (known, part) in self.file.iter().zip(file_of(number).unwrap_or_default()) {
            known.store(part, Ordering::SeqCst);
        }
        self.number.store(number, Ordering::SeqCst);
    }

    /// Returns the number if the same file is still open under it. Async-signal-safe.
    pub fn get(&self) -> Option<i32> {
        let number = self.number.load(Ordering::SeqCst);
        let known = || [0, 1].map(|part: usize| self.file[part].load(Ordering::SeqCst));
        (number >= 0 && file_of(number) == Some(known())).then_some(number)
    }

    #[cfg(unix)]
    fn take(&self) -> bool {
        self.number.compare_exchange(NONE, TAKEN, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    fn clear(&self) {
        self.number.store(NONE, Ordering::SeqCst);
    }
}

/// Returns the identity of an open file: device and inode.
#[cfg(all(unix, not(miri)))]
#[allow(clippy::unnecessary_cast, reason = "the types differ between systems")]
fn file_of(number: i32) -> Option<[u64; 2]> {
    // SAFETY: the kernel fills in a local structure, for which all zeros is a valid value.
    unsafe {
        let mut found: libc::stat = std::mem::zeroed();
        // CAST: only compared.
        (libc::fstat(number, &raw mut found) == 0).then_some([found.st_dev as u64, found.st_ino as u64])
    }
}

#[cfg(not(all(unix, not(miri))))]
#[allow(clippy::unnecessary_wraps, reason = "can fail on Unix")]
const fn file_of(_: i32) -> Option<[u64; 2]> {
    Some([0; 2])
}

/// Registration of a descriptor that forked children close, until this is dropped.
#[derive(Debug)]
pub struct ClosedInChild(Option<usize>);

impl ClosedInChild {
    /// Registers a file that forked children close from now on.
    #[cfg(unix)]
    pub fn of(file: &impl std::os::fd::AsRawFd) -> Self {
        let index = CLOSED.iter().position(Known::take);
        if let Some(index) = index {
            CLOSED[index].set(file.as_raw_fd());
        }
        Self(index)
    }

    /// Registers nothing: no process is forked here.
    #[cfg(not(unix))]
    pub const fn of<T>(_: &T) -> Self {
        Self(None)
    }
}

impl Drop for ClosedInChild {
    fn drop(&mut self) {
        if let Some(index) = self.0 {
            CLOSED[index].clear();
        }
    }
}

/// Closes the registered descriptors in a child.
pub(crate) fn close() {
    for entry in &CLOSED {
        #[cfg(unix)]
        if let Some(number) = entry.get() {
            // SAFETY: the child's own copy of a descriptor, whose owner is never used in the child.
            // The parent's stays open.
            unsafe { libc::close(number) };
        }
        entry.clear();
    }
}

#[cfg(all(test, unix, not(miri)))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn a_number_with_another_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let [ours, other] = ["ours", "other"].map(|name| File::create(folder.path().join(name)).unwrap());
        let known = Known::of(ours.as_raw_fd());
        assert_eq!(known.get(), Some(ours.as_raw_fd()));
        // SAFETY: a call on descriptors of this test.
        unsafe { libc::dup2(other.as_raw_fd(), ours.as_raw_fd()) };
        assert_eq!(known.get(), None);
    }
}
