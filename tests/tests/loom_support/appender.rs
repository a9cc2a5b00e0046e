//! Owner of a stream: does what `buffer` does, without the thread-local that leads to the stream.

use loom::sync::Arc;

use super::entry::Entry;
use super::thread_stream::Stream;
use super::{registry, ring};

/// Writer of one thread's stream.
pub struct Writer {
    stream: Arc<Stream>,
    /// Number of entries that found room.
    pub made: u64,
    /// Number of entries that found none.
    pub lost: u64,
}

impl Writer {
    /// Begins the stream of a thread.
    pub fn new(ordinal: u32) -> Self {
        Self { stream: registry::enrol(ordinal), made: 0, lost: 0 }
    }

    /// Does what `buffer::append` and `append_slow` do, with the number of the entry as its
    /// contents.
    pub fn append(&mut self, may_overdraw: bool) {
        let number = self.made;
        // SAFETY: the stream is alive, and this is its only writer.
        while !unsafe { (*self.stream.cursor()).push(|| Entry::new(number)) } {
            if !self.stream.grow(may_overdraw, ring::oldest) {
                self.stream.count_loss();
                self.lost += 1;
                return;
            }
        }
        self.made += 1;
    }

    /// Appends `count` entries.
    pub fn append_many(&mut self, count: usize) {
        (0..count).for_each(|_| self.append(false));
    }

    /// Does what `buffer::leave_chunk` does.
    pub fn leave_chunk(&mut self) {
        // SAFETY: the stream is alive, and this is its only writer.
        unsafe { (*self.stream.cursor()).retire() };
    }

    /// Does what `buffer::move_on` does: chunks come from elsewhere now.
    pub fn move_on(&mut self) {
        if self.stream.is_behind() {
            self.leave_chunk();
        }
    }

    /// Ends the thread. Returns the numbers of entries that found room, and of those that did not.
    pub fn finish(self) -> (u64, u64) {
        self.stream.finish();
        (self.made, self.lost)
    }
}
