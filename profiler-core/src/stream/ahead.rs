//! Iteration over every stream when there are tens of thousands.
//!
//! Streams and chunks were allocated by their threads, so none lies near another, and every lock
//! waits for the loads before it: one stream after the other, a stop would wait for memory half a
//! dozen times for each. So the processor prefetches the next streams while the current one is
//! visited.

use super::chunk::Chunk;
use super::shared::Shared;
use super::thread_stream::Stream;

/// Bytes that a processor fetches at once.
const LINE: usize = 64;
/// Distances of the prefetch. A chunk's address is read from its stream, so it is fetched half as
/// far ahead.
const STREAMS: usize = 12;
const CHUNKS: usize = 6;

/// Returns the streams one by one, and prefetches those that follow.
pub(crate) fn of(all: &[Shared<Stream>]) -> impl Iterator<Item = &Shared<Stream>> {
    all.iter().enumerate().map(|(place, stream)| {
        if let Some(next) = all.get(place + STREAMS) {
            fetch::<Stream>(&raw const **next);
        }
        if let Some(next) = all.get(place + CHUNKS) {
            fetch::<Chunk>(next.newest());
        }
        stream
    })
}

/// Prefetches the value of a [`Shared`], and the count of its owners, which lies beside it.
fn fetch<T>(value: *const T) {
    let counts = size_of::<[usize; 2]>().next_multiple_of(align_of::<T>());
    let from = value.wrapping_byte_sub(counts);
    for byte in (0..counts + size_of::<T>()).step_by(LINE) {
        prefetch(from.wrapping_byte_add(byte).cast());
    }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
fn prefetch(place: *const i8) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    #[allow(unused_unsafe, reason = "safe to call in later versions")]
    // SAFETY: reads nothing: an address that is no memory is ignored.
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(place);
    }
}

#[cfg(all(target_arch = "aarch64", not(miri)))]
fn prefetch(place: *const i8) {
    // SAFETY: reads nothing: an address that is no memory is ignored.
    unsafe { core::arch::asm!("prfm pldl1keep, [{}]", in(reg) place, options(nostack, readonly, preserves_flags)) };
}

#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
const fn prefetch(_place: *const i8) {}
