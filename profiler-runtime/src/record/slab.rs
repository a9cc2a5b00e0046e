//! Memory for chunks, two megabytes at a time.
//!
//! A recording that grows meets a page fault every 4 KiB, and one costs as much as many clock reads. So memory is asked
//! for in slabs that the kernel can back with one huge page each, and cut into chunks. Empty slabs are kept up to
//! [`IDLE_SLABS`], so that one session after the other touches the same pages.

use std::alloc::{Layout, alloc, dealloc};
use std::ptr::NonNull;

/// Bytes of a chunk.
pub(super) const CHUNK_BYTES: usize = 64 << 10;
/// Chunks of a slab: one bit each.
const CHUNKS: usize = u32::BITS as usize;
const SLAB_BYTES: usize = CHUNKS * CHUNK_BYTES;
/// Empty slabs that are kept: 16 MiB.
const IDLE_SLABS: usize = 8;

/// All slabs of the process.
pub(super) struct Slabs {
    slabs: Vec<Slab>,
}

struct Slab {
    start: NonNull<u8>,
    /// Bit set: that chunk is free.
    free: u32,
}

// SAFETY: a slab owns its memory; who holds a chunk of it holds it alone.
unsafe impl Send for Slab {}

const LAYOUT: Layout = match Layout::from_size_align(SLAB_BYTES, SLAB_BYTES) {
    Ok(layout) => layout,
    Err(_) => unreachable!(),
};

impl Slabs {
    pub(super) const fn new() -> Self {
        Self { slabs: Vec::new() }
    }

    /// Memory for one chunk, uninitialised and aligned to its size; `None` if the system has none left.
    pub(super) fn take(&mut self) -> Option<NonNull<u8>> {
        if let Some(slab) = self.slabs.iter_mut().find(|slab| slab.free != 0) {
            return Some(slab.take());
        }
        let mut slab = Slab::new()?;
        let chunk = slab.take();
        self.slabs.push(slab);
        Some(chunk)
    }

    /// Takes back what [`take`](Self::take) gave.
    pub(super) fn give(&mut self, chunk: NonNull<u8>) {
        let Some(at) = self.slabs.iter().position(|slab| slab.has(chunk)) else { return };
        self.slabs[at].free |= 1 << self.slabs[at].index(chunk);
        let empty = |slab: &Slab| slab.free == u32::MAX;
        if empty(&self.slabs[at]) && self.slabs.iter().filter(|slab| empty(slab)).count() > IDLE_SLABS {
            drop(self.slabs.swap_remove(at));
        }
    }

    /// Asks for another slab if fewer chunks are free. Until it is touched, it costs addresses only.
    pub(super) fn reserve(&mut self, chunks: usize) {
        let free = self.slabs.iter().map(|slab| slab.free.count_ones() as usize);
        if free.sum::<usize>() < chunks {
            self.slabs.extend(Slab::new());
        }
    }

    /// Makes sure that the next chunks cause no page faults: writes to every page of one slab, once.
    pub(super) fn warm(&mut self) {
        if self.slabs.is_empty()
            && let Some(slab) = Slab::new()
        {
            slab.touch();
            self.slabs.push(slab);
        }
    }
}

impl Slab {
    fn new() -> Option<Self> {
        // SAFETY: the layout's size is not zero.
        let start = NonNull::new(unsafe { alloc(LAYOUT) })?;
        ask_for_huge_pages(start);
        Some(Self { start, free: u32::MAX })
    }

    /// The lowest free chunk; the caller has seen that there is one.
    fn take(&mut self) -> NonNull<u8> {
        let index = self.free.trailing_zeros() as usize % CHUNKS;
        self.free &= !(1 << index);
        // SAFETY: the chunk lies inside the slab.
        unsafe { self.start.add(index * CHUNK_BYTES) }
    }

    fn has(&self, chunk: NonNull<u8>) -> bool {
        chunk.addr().get().wrapping_sub(self.start.addr().get()) < SLAB_BYTES
    }

    fn index(&self, chunk: NonNull<u8>) -> usize {
        (chunk.addr().get() - self.start.addr().get()) / CHUNK_BYTES
    }

    fn touch(&self) {
        for page in (0..SLAB_BYTES).step_by(4096) {
            // SAFETY: the page lies inside the slab, of which nobody has a chunk yet.
            unsafe { self.start.add(page).write_volatile(0) };
        }
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout; every chunk has come back.
        unsafe { dealloc(self.start.as_ptr(), LAYOUT) };
    }
}

#[cfg(all(target_os = "linux", not(miri)))]
fn ask_for_huge_pages(slab: NonNull<u8>) {
    // SAFETY: advice about our own memory; refused advice changes nothing.
    unsafe { libc::madvise(slab.as_ptr().cast(), SLAB_BYTES, libc::MADV_HUGEPAGE) };
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn ask_for_huge_pages(_slab: NonNull<u8>) {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn chunks_do_not_overlap_and_empty_slabs_beyond_the_limit_go_back() {
        let mut slabs = Slabs::new();
        let mut chunks: Vec<_> = (0..CHUNKS * (IDLE_SLABS + 3)).map(|_| slabs.take().unwrap()).collect();
        chunks.sort_unstable();
        assert!(chunks.windows(2).all(|pair| pair[1].addr().get() - pair[0].addr().get() >= CHUNK_BYTES));
        assert_eq!(slabs.slabs.len(), IDLE_SLABS + 3);
        chunks.into_iter().for_each(|chunk| slabs.give(chunk));
        assert_eq!(slabs.slabs.len(), IDLE_SLABS);
        assert!(slabs.slabs.iter().all(|slab| slab.free == u32::MAX));
    }
}
