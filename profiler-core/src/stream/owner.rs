//! Who writes a stream, as a thread knows it of itself without an allocation: its first range makes one, for the stream.
//!
//! A thread is shown under the name that it was spawned with, unless it is renamed later (`pthread_setname_np`, `prctl`): then
//! under the last, of which Linux keeps 15 bytes.

use std::io::Write;
use std::sync::OnceLock;
use std::thread::{self, Thread};

use crate::label;

/// A name as the operating system keeps it: ends with a zero.
type OsName = [u8; 16];

/// Who wrote a stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ThreadIdentity {
    /// Number in this process, from 1, in order of first use; never given twice.
    pub ordinal: u32,
    /// The operating system's thread id; 0 for a stream that threads share.
    pub os_id: u64,
    /// The thread's name, or `thread <id>`.
    pub name: String,
}

/// A thread, or several that share a stream.
pub(crate) struct Writer {
    /// Number in this process, from 1, in order of first use; never given twice.
    pub(crate) ordinal: u32,
    /// The operating system's thread id; 0 for several threads.
    pub(crate) os_id: u64,
    thread: Option<Thread>,
    /// Its name when it began to write.
    first_name: OsName,
    /// Its name when it ended.
    last_name: OnceLock<OsName>,
}

impl Writer {
    /// The calling thread.
    pub(crate) fn this_thread(ordinal: u32) -> Self {
        let (thread, first_name) = (Some(thread::current()), os_name());
        Self { ordinal, os_id: os_thread_id(ordinal), thread, first_name, last_name: OnceLock::new() }
    }

    /// Threads that have no stream of their own.
    pub(crate) const fn several(ordinal: u32) -> Self {
        Self { ordinal, os_id: 0, thread: None, first_name: [0; 16], last_name: OnceLock::new() }
    }

    /// Notes that the calling thread, which this is, ends: nobody can ask for its name any more.
    pub(crate) fn ends(&self) {
        let _ = self.last_name.set(os_name());
    }

    /// What readers are told.
    pub(crate) fn identity(&self) -> ThreadIdentity {
        let Self { ordinal, os_id, .. } = *self;
        let now = self.last_name.get().copied().or_else(|| os_name_of(os_id));
        ThreadIdentity { ordinal, os_id, name: self.with_name(now, str::to_owned) }
    }

    /// Calls `use_it` with the name that the thread had when it began to write. Allocates nothing.
    pub(crate) fn with_first_name<R>(&self, use_it: impl FnOnce(&str) -> R) -> R {
        self.with_name(Some(self.first_name), use_it)
    }

    /// Calls `use_it` with the thread's name, if the operating system calls it `now`.
    fn with_name<R>(&self, now: Option<OsName>, use_it: impl FnOnce(&str) -> R) -> R {
        let Some(thread) = &self.thread else { return use_it("allocations of threads without ranges") };
        if let Some(new) = now.filter(|now| self.is_new(thread, now)) {
            return with_text(&new, use_it);
        }
        match thread.name() {
            Some(name) => label::with_cut(name, use_it),
            None => with_number(self.os_id, use_it),
        }
    }

    /// Returns whether the thread was given this name since it was spawned.
    fn is_new(&self, thread: &Thread, now: &OsName) -> bool {
        // The first thread is called `main` here and as the program there.
        let spawned_as = thread.name().filter(|_| self.os_id != u64::from(std::process::id()));
        let before = spawned_as.map_or(self.first_name, |name| cut(name.as_bytes()));
        *now != before && now[0] != 0
    }
}

/// Calls `use_it` with a name as the operating system keeps it; what is no text in it is replaced.
fn with_text<R>(name: &OsName, use_it: impl FnOnce(&str) -> R) -> R {
    const REPLACED: &str = "\u{fffd}";
    let length = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    let mut text = [0; size_of::<OsName>() * REPLACED.len()];
    let mut rest = &mut text[..];
    for chunk in name[..length].utf8_chunks() {
        let replaced = if chunk.invalid().is_empty() { "" } else { REPLACED };
        // It fits.
        let _ = rest.write_all(chunk.valid().as_bytes()).and_then(|()| rest.write_all(replaced.as_bytes()));
    }
    let left = rest.len();
    use_it(str::from_utf8(&text[..text.len() - left]).unwrap_or(REPLACED))
}

/// Calls `use_it` with `thread <number>`.
fn with_number<R>(number: u64, use_it: impl FnOnce(&str) -> R) -> R {
    let mut text = [0_u8; 32];
    let mut rest = &mut text[..];
    // It fits.
    let _ = write!(rest, "thread {number}");
    let left = rest.len();
    use_it(str::from_utf8(&text[..text.len() - left]).unwrap_or("thread"))
}

/// Cuts the name as the operating system does.
fn cut(name: &[u8]) -> OsName {
    let mut kept = [0; 16];
    let most = kept.len() - 1;
    kept.iter_mut().zip(name.iter().take(most)).for_each(|(to, from)| *to = *from);
    kept
}

/// The operating system's id of the calling thread; `ordinal` where it has none that we know.
#[cfg(target_os = "linux")]
pub fn os_thread_id(_ordinal: u32) -> u64 {
    // SAFETY: `gettid` has no arguments and cannot fail.
    // CAST: thread ids are positive.
    unsafe { libc::syscall(libc::SYS_gettid) as u64 }
}

/// The operating system's id of the calling thread; `ordinal` where it has none that we know.
#[cfg(not(target_os = "linux"))]
pub(crate) fn os_thread_id(ordinal: u32) -> u64 {
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

/// Returns the name of a thread of this process that lives.
#[cfg(all(target_os = "linux", not(miri)))]
fn os_name_of(os_id: u64) -> Option<OsName> {
    let name = std::fs::read(format!("/proc/self/task/{os_id}/comm")).ok()?;
    Some(cut(name.strip_suffix(b"\n").unwrap_or(&name)))
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
            let writer = Writer::this_thread(1);
            assert_eq!(writer.identity().name, long);
            rename(b"two\0");
            assert_eq!(writer.identity().name, "two");
            writer.ends();
            rename(b"end\0");
            writer
        });
        assert_eq!(spawned.unwrap().join().unwrap().identity().name, "two");
        let unnamed = thread::spawn(|| {
            let writer = Writer::this_thread(2);
            assert_eq!(writer.identity().name, format!("thread {}", writer.os_id), "an inherited name is none");
            rename(b"own\0");
            writer.identity().name
        });
        assert_eq!(unnamed.join().unwrap(), "own");
    }
}
