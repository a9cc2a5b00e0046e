//! Iterates over all streams with prefetching, because there may be tens of thousands.
//!
//! Each thread allocated its own stream and chunks, so they are scattered over memory, and each
//! lock orders the loads around it. Without prefetching, a stop would wait for memory half a dozen
//! times per stream. So the next streams are prefetched while the current one is visited.

use super::chunk::Chunk;
use super::shared::Shared;
use super::thread_stream::Stream;

/// Bytes of a cache line.
const LINE: usize = 64;
/// Number of streams that are prefetched ahead. A chunk's address is read from its stream, so
/// chunks are prefetched half as far ahead.
const STREAMS: usize = 12;
const CHUNKS: usize = 6;

/// Iterates over the streams, and prefetches those that follow.
pub(crate) fn iter(all: &[Shared<Stream>]) -> impl Iterator<Item = &Shared<Stream>> {
    all.iter().enumerate().map(|(index, stream)| {
        if let Some(next) = all.get(index + STREAMS) {
            fetch::<Stream>(&raw const **next);
        }
        if let Some(next) = all.get(index + CHUNKS) {
            fetch::<Chunk>(next.newest());
        }
        stream
    })
}

/// Prefetches the value of a [`Shared`] and the count of its owners in front of it.
fn fetch<T>(value: *const T) {
    let counts = size_of::<[usize; 2]>().next_multiple_of(align_of::<T>());
    let from = value.wrapping_byte_sub(counts);
    for byte in (0..counts + size_of::<T>()).step_by(LINE) {
        prefetch(from.wrapping_byte_add(byte).cast());
    }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
fn prefetch(address: *const i8) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    #[allow(unused_unsafe, reason = "safe in later versions")]
    // SAFETY: reads nothing: an address that is no memory is ignored.
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(address);
    }
}

#[cfg(all(target_arch = "aarch64", not(miri)))]
fn prefetch(address: *const i8) {
    // SAFETY: reads nothing: an address that is no memory is ignored.
    unsafe { core::arch::asm!("prfm pldl1keep, [{}]", in(reg) address, options(nostack, readonly, preserves_flags)) };
}

#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
const fn prefetch(_place: *const i8) {}
