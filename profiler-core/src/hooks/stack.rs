//! The call stack of a range: addresses only, written before its begin.
//!
//! This crate cannot walk a stack; a session with `torch_profiler_with_stack` provides the walker
//! ([`capture_with`]). Names are resolved when the session is over.

use std::sync::OnceLock;

use crate::ledger;
use crate::stream::buffer;
use crate::stream::entry::{Entry, Tag};
use crate::stream::key::Key;

/// Maximum number of addresses kept of a stack, innermost first; some belong to the profiler's own
/// functions.
pub const MAX_DEPTH: usize = 64;

/// Path of this file as the compiler names it, by which a reader of stacks recognizes the
/// recorder's own files.
pub const FILE: &str = file!();

/// Fills in the return addresses of the calling thread's stack, innermost first, and returns their
/// number.
pub(crate) type Capture = fn(&mut [u64; MAX_DEPTH]) -> usize;

static CAPTURE: OnceLock<Capture> = OnceLock::new();

/// Sets the stack walker; the first call wins.
pub fn capture_with(capture: Capture) {
    let _ = CAPTURE.set(capture);
}

/// Writes the stack of the range of `site` that begins next.
#[inline(never)]
pub(crate) fn write(site: u32) {
    let Some(capture) = CAPTURE.get() else { return };
    let mut addresses = [0; MAX_DEPTH];
    // Memory that the walker allocates is not the program's.
    let own = ledger::own();
    let count = capture(&mut addresses);
    drop(own);
    let Some((first, others)) = addresses.get(..count).and_then(<[u64]>::split_first) else { return };
    let head = Entry::first_of((Key::STACK, site, *first), others.len());
    // One by one: an array of the longest stack would have to be filled for each.
    let _is_whole = buffer::append(false, || head)
        && others.chunks(2).all(|pair| {
            let more = Entry::pair(Tag::More, pair[0], pair.get(1).copied().unwrap_or(0));
            buffer::append(false, || more)
        });
}
