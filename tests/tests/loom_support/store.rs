//! Sources of chunks: memory, or another store.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::rc::Rc;

use super::sync::{AtomicU64, Ordering};

thread_local! {
    static GENERATION: Cell<u64> = const { Cell::new(1) };
    /// Number of the current store. An atomic of loom's, because it matters what each thread sees
    /// of it. A failed model leaves it behind.
    static NUMBER: RefCell<Option<ManuallyDrop<Rc<AtomicU64>>>> = const { RefCell::new(None) };
}

/// Begins a model.
pub fn begin() {
    GENERATION.set(1);
    NUMBER.set(Some(ManuallyDrop::new(Rc::new(AtomicU64::new(0)))));
}

/// Ends a model.
pub fn end() {
    drop(NUMBER.take().map(ManuallyDrop::into_inner));
}

fn shared() -> Rc<AtomicU64> {
    NUMBER.with_borrow(|number| number.as_deref().cloned()).unwrap()
}

pub(super) fn number() -> u64 {
    // ORDERING: the product's.
    shared().load(Ordering::Relaxed)
}

/// Makes chunks come from another store from now on, as the product's `switch` does.
pub fn switch() {
    // ORDERING: the product's.
    shared().fetch_add(1, Ordering::Relaxed);
    bump_generation();
}

pub(super) fn generation() -> u64 {
    GENERATION.get()
}

pub(super) fn bump_generation() {
    GENERATION.set(GENERATION.get() + 1);
}
