//! A call stack in Kineto's words: leaf first, every frame closed by `;`.

use std::fmt::Write as _;

use crate::records::frames::Symbols;

/// Returns the stack in these words; empty for a stack of which nothing is shown.
pub(super) fn text(stack: &[u64], symbols: &Symbols) -> String {
    let mut text = String::new();
    for frame in symbols.frames(stack) {
        // Readers split at `;`, which Rust has in the types of arrays. Writing to a `String` cannot
        // fail.
        let _ = write!(text, "{};", frame.to_string().replace(';', ","));
    }
    text
}
