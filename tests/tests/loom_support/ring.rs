//! Makes room at the cost of the oldest chunk, as the product's ring does.

use std::cell::Cell;

use super::registry::streams;

thread_local! {
    static GONE: Cell<u64> = const { Cell::new(0) };
}

/// Begins a model.
pub fn begin() {
    GONE.set(0);
}

/// Returns the number of entries of streams that are gone.
pub fn gone() -> u64 {
    GONE.get()
}

pub fn oldest() -> bool {
    streams(|all| {
        let oldest = all.iter().filter_map(|stream| Some((stream.oldest()?, stream))).min_by_key(|(order, _)| *order);
        let Some((chunk, _, _)) = oldest.and_then(|(_, stream)| stream.overwrite()) else { return false };
        chunk.give_up();
        drop(chunk);
        for stream in all.extract_if(.., |stream| stream.is_spent()) {
            GONE.set(GONE.get() + stream.with_carry(|carry| carry.overwritten));
        }
        true
    })
}
