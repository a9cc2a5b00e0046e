//! Holds a thread's messages back while the profiler does work that must not wait for the host's
//! logger.
//!
//! A logger may block, panic, or call the profiler. It is therefore never called while a lock of
//! the profiler is held, nor between the end of a recording and its artifacts. Code that does
//! either calls [`hold`] first; the messages are delivered when the hold is dropped.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::mem;

use super::message::Message;

thread_local! {
    /// Number of [`Hold`]s on this thread.
        static DEPTH: Cell<usize> = const { Cell::new(0) };
        static HELD: RefCell<Vec<Message>> = const { RefCell::new(Vec::new()) };
    /// True if a message of this thread is being delivered.
        static IS_DELIVERING: Cell<bool> = const { Cell::new(false) };
}

/// A guard that holds this thread's messages back. The last one on a thread delivers them when
/// dropped. Declare it before a lock's guard, so that it is dropped after the lock is released.
#[must_use = "messages are held until this is dropped"]
pub(crate) struct Hold(PhantomData<*const ()>);

/// Holds this thread's messages back.
pub(crate) fn hold() -> Hold {
    // While the thread ends, its thread-locals are gone and messages are delivered at once.
    let _ = DEPTH.try_with(|depth| depth.set(depth.get() + 1));
    Hold(PhantomData)
}

impl Hold {
    /// Takes the held messages, so that another thread can deliver them.
    pub(crate) fn take(self) -> HeldMessages {
        let is_last = DEPTH.try_with(Cell::get) == Ok(1);
        HeldMessages(if is_last { take_held() } else { Vec::new() })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let is_last = DEPTH.try_with(|depth| {
            depth.set(depth.get().saturating_sub(1));
            depth.get() == 0
        });
        if is_last == Ok(true) {
            HeldMessages(take_held()).deliver();
        }
    }
}

fn take_held() -> Vec<Message> {
    HELD.try_with(|held| mem::take(&mut *held.borrow_mut())).unwrap_or_default()
}

/// Messages that were not delivered yet.
#[must_use = "the messages are lost unless they are delivered"]
pub(crate) struct HeldMessages(Vec<Message>);

impl HeldMessages {
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn deliver(self) {
        self.0.into_iter().for_each(deliver);
    }
}

/// Delivers a message, or holds it back while a [`Hold`] exists on this thread.
pub(super) fn send(message: Message) {
    if DEPTH.try_with(Cell::get).unwrap_or(0) == 0 {
        return deliver(message);
    }
    let _ = HELD.try_with(|held| held.borrow_mut().push(message));
}

/// Delivers a message. Drops a message that is caused by a logger's own call to the profiler,
/// because the logger would otherwise be called recursively without end.
fn deliver(message: Message) {
    if IS_DELIVERING.try_with(|delivering| delivering.replace(true)).unwrap_or(false) {
        return;
    }
    message.deliver();
    let _ = IS_DELIVERING.try_with(|delivering| delivering.set(false));
}
