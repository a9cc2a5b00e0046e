//! Who writes a stream, as a thread knows it of itself without an allocation: its first range makes one, for the stream.

use std::thread::{self, Thread};

use super::registry::{ThreadIdentity, os_thread_id};

/// A thread, or several that share a stream.
pub(crate) struct Writer {
    /// Number in this process, from 1, in order of first use; never given twice.
    pub(super) ordinal: u32,
    /// The operating system's thread id; 0 for several threads.
    pub(super) os_id: u64,
    thread: Option<Thread>,
}

impl Writer {
    /// The calling thread.
    pub(super) fn this_thread(ordinal: u32) -> Self {
        Self { ordinal, os_id: os_thread_id(ordinal), thread: Some(thread::current()) }
    }

    /// Threads that have no stream of their own.
    pub(super) const fn several(ordinal: u32) -> Self {
        Self { ordinal, os_id: 0, thread: None }
    }

    /// What readers are told.
    pub(super) fn identity(&self) -> ThreadIdentity {
        let Self { ordinal, os_id, thread } = self;
        let name = match thread {
            Some(thread) => thread.name().map_or_else(|| format!("thread {os_id}"), str::to_owned),
            None => "allocations of threads without ranges".to_owned(),
        };
        ThreadIdentity { ordinal: *ordinal, os_id: *os_id, name }
    }
}
