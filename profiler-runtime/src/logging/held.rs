//! Messages that wait on their thread until the profiler is done with work that must not wait for
//! the host's logger.
//!
//! A logger may block, panic, or call the profiler. So none is called while a lock of ours is held,
//! nor between the end of a recording and its artifacts: code that is about to do either holds the
//! thread's messages first, and they are delivered when that is over.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::mem;

use super::message::Message;

thread_local! {
    /// Number of [`Held`]s on this thread.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static WAITING: RefCell<Vec<Message>> = const { RefCell::new(Vec::new()) };
    /// True if a message of this thread is being delivered.
    static DELIVERS: Cell<bool> = const { Cell::new(false) };
}

/// A hold on this thread's messages. The last one on a thread delivers them when dropped: declared
/// before a lock's guard, that is after the lock is free.
#[must_use = "messages are held until this is dropped"]
pub(crate) struct Held(PhantomData<*const ()>);

/// Holds this thread's messages.
pub(crate) fn hold() -> Held {
    // Without thread-locals, at a thread's very end, messages are delivered at once.
    let _ = DEPTH.try_with(|depth| depth.set(depth.get() + 1));
    Held(PhantomData)
}

impl Held {
    /// Takes the held messages, for another thread to deliver.
    pub(crate) fn take(self) -> Waiting {
        let is_last = DEPTH.try_with(Cell::get) == Ok(1);
        Waiting(if is_last { take_waiting() } else { Vec::new() })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let is_last = DEPTH.try_with(|depth| {
            depth.set(depth.get().saturating_sub(1));
            depth.get() == 0
        });
        if is_last == Ok(true) {
            Waiting(take_waiting()).deliver();
        }
    }
}

fn take_waiting() -> Vec<Message> {
    WAITING.try_with(|waiting| mem::take(&mut *waiting.borrow_mut())).unwrap_or_default()
}

/// Messages that have not been delivered.
#[must_use = "somebody has to deliver them"]
pub(crate) struct Waiting(Vec<Message>);

impl Waiting {
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn deliver(self) {
        self.0.into_iter().for_each(deliver);
    }
}

/// Delivers a message, now or when this thread's messages are no longer held.
pub(super) fn send(message: Message) {
    if DEPTH.try_with(Cell::get).unwrap_or(0) == 0 {
        return deliver(message);
    }
    let _ = WAITING.try_with(|waiting| waiting.borrow_mut().push(message));
}

/// Delivers a message. A message caused by a logger's own call to the profiler is dropped: the
/// logger is at work on the one that led to the call, and would be called for ever.
fn deliver(message: Message) {
    if DELIVERS.try_with(|delivers| delivers.replace(true)).unwrap_or(false) {
        return;
    }
    message.deliver();
    let _ = DELIVERS.try_with(|delivers| delivers.set(false));
}
