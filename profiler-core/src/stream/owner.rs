//! The owner of a stream: a thread's number, id and name, kept without an allocation, because a
//! thread's first range must allocate only its stream.
//!
//! Artifacts show a thread under the name with which it was spawned. If it was renamed later
//! (`pthread_setname_np`, `prctl`), they show its last name, of which Linux keeps 15 bytes.

use std::io::Write;
use std::sync::OnceLock;
use std::thread::{self, Thread};

use crate::label;

/// A thread's name as the operating system stores it, terminated by a zero.
type OsName = [u8; 16];

/// Identity of a stream's owner, as readers see it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ThreadIdentity {
    /// Number in this process, from 1, in order of first use; never reused.
    pub ordinal: u32,
    /// The operating system's thread id; 0 for a stream that threads share.
    pub os_id: u64,
    /// The thread's name, or `thread <id>`.
    pub name: String,
}

/// Owner of a stream: a thread, or several that share the stream.
pub(crate) struct StreamOwner {
    /// Number in this process, from 1, in order of first use; never reused.
    pub(crate) ordinal: u32,
    /// The operating system's thread id; 0 for several threads.
    pub(crate) os_id: u64,
    thread: Option<Thread>,
    /// The thread's name when the stream was created.
    first_name: OsName,
    /// The thread's name when it ended.
    last_name: OnceLock<OsName>,
}

impl StreamOwner {
    /// Creates the owner for the calling thread.
    pub(crate) fn this_thread(ordinal: u32) -> Self {
        let (thread, first_name) = (Some(thread::current()), os_name());
        Self { ordinal, os_id: os_thread_id(ordinal), thread, first_name, last_name: OnceLock::new() }
    }

    /// Creates the owner of a stream that threads share.
    pub(crate) const fn shared(ordinal: u32) -> Self {
        Self { ordinal, os_id: 0, thread: None, first_name: [0; 16], last_name: OnceLock::new() }
    }

    /// Stores the last name of the calling thread, which is ending; the name cannot be read later.
    pub(crate) fn set_last_name(&self) {
        let _ = self.last_name.set(os_name());
    }

    /// Returns the owner's identity, with its current or last name.
    pub(crate) fn identity(&self) -> ThreadIdentity {
        let Self { ordinal, os_id, .. } = *self;
        let now = self.last_name.get().copied().or_else(|| os_name_of(os_id));
        ThreadIdentity { ordinal, os_id, name: self.with_name(now, str::to_owned) }
    }

    /// Calls `use_it` with the thread's name when the stream was created. Allocates nothing.
    pub(crate) fn with_first_name<R>(&self, use_it: impl FnOnce(&str) -> R) -> R {
        self.with_name(Some(self.first_name), use_it)
    }

    /// Calls `use_it` with the thread's name, given the operating system's current name for it.
    fn with_name<R>(&self, now: Option<OsName>, use_it: impl FnOnce(&str) -> R) -> R {
        let Some(thread) = &self.thread else { return use_it("allocations of threads without ranges") };
        if let Some(new) = now.filter(|now| self.is_new(thread, now)) {
            return with_text(&new, use_it);
        }
        match thread.name() {
            Some(name) => label::with_truncated(name, use_it),
            None => with_number(self.os_id, use_it),
        }
    }

    /// Returns whether the thread has been renamed to `now` since it was spawned.
    fn is_new(&self, thread: &Thread, now: &OsName) -> bool {
        // Rust calls the first thread `main`; the system calls it by the program's name.
        let spawned_as = thread.name().filter(|_| self.os_id != u64::from(std::process::id()));
        let before = spawned_as.map_or(self.first_name, |name| truncated(name.as_bytes()));
        *now != before && now[0] != 0
    }
}

/// Calls `use_it` with a name from the operating system, with bytes that are not UTF-8 replaced.
fn with_text<R>(name: &OsName, use_it: impl FnOnce(&str) -> R) -> R {
    const REPLACED: &str = "\u{fffd}";
    let length = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    let mut text = [0; size_of::<OsName>() * REPLACED.len()];
    let mut rest = &mut text[..];
    for chunk in name[..length].utf8_chunks() {
        let replaced = if chunk.invalid().is_empty() { "" } else { REPLACED };
        // The buffer is large enough.
        let _ = rest.write_all(chunk.valid().as_bytes()).and_then(|()| rest.write_all(replaced.as_bytes()));
    }
    let left = rest.len();
    use_it(str::from_utf8(&text[..text.len() - left]).unwrap_or(REPLACED))
}

/// Calls `use_it` with `thread <number>`.
fn with_number<R>(number: u64, use_it: impl FnOnce(&str) -> R) -> R {
    let mut text = [0_u8; 32];
    let mut rest = &mut text[..];
    // The buffer is large enough.
    let _ = write!(rest, "thread {number}");
    let left = rest.len();
    use_it(str::from_utf8(&text[..text.len() - left]).unwrap_or("thread"))
}

/// Truncates the name as the operating system does.
fn truncated(name: &[u8]) -> OsName {
    let mut kept = [0; 16];
    let limit = kept.len() - 1;
    kept.iter_mut().zip(name.iter().take(limit)).for_each(|(to, from)| *to = *from);
    kept
}

/// Returns the operating system's id of the calling thread.
#[cfg(target_os = "linux")]
pub fn os_thread_id(_ordinal: u32) -> u64 {
    // SAFETY: `gettid` has no arguments and cannot fail.
    // CAST: thread ids are positive.
    unsafe { libc::syscall(libc::SYS_gettid) as u64 }
}

/// Returns `ordinal`, because the system's thread id is not available here.
#[cfg(not(target_os = "linux"))]
pub fn os_thread_id(ordinal: u32) -> u64 {
    u64::from(ordinal)
}

/// Returns the calling thread's name.
#[cfg(all(target_os = "linux", not(miri)))]
fn os_name() -> OsName {
    let mut name: OsName = [0; 16];
    // SAFETY: `PR_GET_NAME` writes 16 bytes.
    unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    name
}

/// Returns the name of a live thread of this process.
#[cfg(all(target_os = "linux", not(miri)))]
fn os_name_of(os_id: u64) -> Option<OsName> {
    let name = std::fs::read(format!("/proc/self/task/{os_id}/comm")).ok()?;
    Some(truncated(name.strip_suffix(b"\n").unwrap_or(&name)))
}

#[cfg(any(not(target_os = "linux"), miri))]
const fn os_name() -> OsName {
    [0; 16]
}

#[cfg(any(not(target_os = "linux"), miri))]
const fn os_name_of(_os_id: u64) -> Option<OsName> {
    None
}

#[cfg(all(test, target_os = "linux", not(miri)))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rename(name: &[u8; 4]) {
        // SAFETY: the name ends with a zero.
        unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
    }

    /// A16: a renamed thread is shown under its last name, alive or not.
    #[test]
    fn a_renamed_thread_has_its_last_name() {
        let long = "a name of more than fifteen bytes";
        let spawned = thread::Builder::new().name(long.to_owned()).spawn(move || {
            let owner = StreamOwner::this_thread(1);
            assert_eq!(owner.identity().name, long);
            rename(b"two\0");
            assert_eq!(owner.identity().name, "two");
            owner.set_last_name();
            rename(b"end\0");
            owner
        });
        assert_eq!(spawned.unwrap().join().unwrap().identity().name, "two");
        let unnamed = thread::spawn(|| {
            let owner = StreamOwner::this_thread(2);
            assert_eq!(owner.identity().name, format!("thread {}", owner.os_id), "an inherited name does not count");
            rename(b"own\0");
            owner.identity().name
        });
        assert_eq!(unnamed.join().unwrap(), "own");
    }
}
