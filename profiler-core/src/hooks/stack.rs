//! Call stacks of ranges: writes the return addresses before a range's begin.
//!
//! The runtime provides the stack walker ([`capture_with`]) for sessions with
//! `torch_profiler_with_stack`, and resolves names after the session.

use std::sync::OnceLock;

use crate::ledger;
use crate::stream::buffer;
use crate::stream::entry::{Entry, Tag};
use crate::stream::key::Key;

/// Maximum number of recorded addresses, innermost first, including some of the profiler's own
/// functions.
pub const MAX_DEPTH: usize = 64;

/// Path of this file as the compiler writes it, by which readers of stacks recognize the recorder's
/// own files.
pub const FILE: &str = file!();

/// Stack walker: fills in the return addresses of the calling thread, innermost first, and returns
/// their number.
pub(crate) type Capture = fn(&mut [u64; MAX_DEPTH]) -> usize;

static CAPTURE: OnceLock<Capture> = OnceLock::new();

/// Sets the stack walker; the first call wins.
pub fn capture_with(capture: Capture) {
    let _ = CAPTURE.set(capture);
}

/// Writes the stack for the next range of `site`.
#[inline(never)]
pub(crate) fn write(site: u32) {
    let Some(capture) = CAPTURE.get() else { return };
    let mut addresses = [0; MAX_DEPTH];
    // The walker's allocations count as the profiler's.
    let own = ledger::own();
    let count = capture(&mut addresses);
    drop(own);
    let Some((first, others)) = addresses.get(..count).and_then(<[u64]>::split_first) else { return };
    let head = Entry::first_of((Key::STACK, site, *first), others.len());
    // Appended one by one, because an array for the longest stack would have to be filled every
    // time.
    let _is_whole = buffer::append(false, || head)
        && others.chunks(2).all(|pair| {
            let more = Entry::pair(Tag::More, pair[0], pair.get(1).copied().unwrap_or(0));
            buffer::append(false, || more)
        });
}
