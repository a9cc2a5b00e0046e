//! Allocates memory for chunks from slabs of two megabytes.
//!
//! A growing recording causes a page fault every 4 KiB, which costs as much as many clock reads. So
//! memory is mapped in slabs that the kernel can back with one huge page each, and divided into
//! chunks. Up to [`IDLE_SLABS`] empty slabs are kept, so that consecutive sessions reuse the same
//! pages.
//!
//! A chunk is zeroed when it is taken, because readers treat zeros as empty entries (see `cursor`).
//! On Linux slabs come from the kernel, so that a signal handler never waits here for an allocator
//! that it interrupted.
//!
//! A thread's first chunk is a piece of [`SMALL_BYTES`], because in a program with many threads
//! most record little.

use std::ptr::NonNull;

/// Bytes of a chunk.
pub const CHUNK_BYTES: usize = 64 << 10;
/// Bytes of a thread's first chunk.
pub(crate) const SMALL_BYTES: usize = 4 << 10;
/// Number of chunks per slab, one bit each.
const CHUNKS: usize = u32::BITS as usize;
const SLAB_BYTES: usize = CHUNKS * CHUNK_BYTES;
/// Maximum number of empty slabs that are kept: 16 MiB.
const IDLE_SLABS: usize = 8;

/// All slabs of the process.
pub(crate) struct Slabs {
    slabs: Vec<Slab>,
    /// Chunks that are divided into small ones.
    divided: Vec<Divided>,
}

/// A chunk that is divided into small ones.
struct Divided {
    chunk: NonNull<u8>,
    /// Bit set of the free pieces.
    free: u16,
}

const _: () = assert!(CHUNK_BYTES / SMALL_BYTES == u16::BITS as usize, "one bit per piece");

// SAFETY: the value owns its memory, and each piece has one holder.
unsafe impl Send for Divided {}

struct Slab {
    start: NonNull<u8>,
    /// Bit set of the free chunks.
    free: u32,
}

// SAFETY: a slab owns its memory, and each chunk has one holder.
unsafe impl Send for Slab {}

impl Slabs {
    pub(crate) const fn new() -> Self {
        Self { slabs: Vec::new(), divided: Vec::new() }
    }

    /// Takes memory for one chunk, zeroed and aligned to its size; returns `None` if the system has
    /// none.
    pub(crate) fn take(&mut self) -> Option<NonNull<u8>> {
        if let Some(slab) = self.slabs.iter_mut().find(|slab| slab.free != 0) {
            return Some(slab.take());
        }
        self.slabs.try_reserve(1).ok()?;
        let mut slab = Slab::new()?;
        let chunk = slab.take();
        self.slabs.push(slab);
        Some(chunk)
    }

    /// Takes back memory from [`take`](Self::take), which the caller has zeroed again.
    pub(crate) fn give(&mut self, chunk: NonNull<u8>) {
        let Some(at) = self.slabs.iter().position(|slab| slab.has(chunk)) else { return };
        self.slabs[at].free |= 1 << self.slabs[at].index(chunk);
        let empty = |slab: &Slab| slab.free == u32::MAX;
        if empty(&self.slabs[at]) && self.slabs.iter().filter(|slab| empty(slab)).count() > IDLE_SLABS {
            drop(self.slabs.swap_remove(at));
        }
    }

    /// Takes memory for a small chunk, zeroed and aligned to its size; returns `None` if the system
    /// has none.
    pub(crate) fn take_small(&mut self) -> Option<NonNull<u8>> {
        // Usually only the newest has free pieces.
        if let Some(divided) = self.divided.iter_mut().rev().find(|divided| divided.free != 0) {
            return Some(divided.take());
        }
        self.divided.try_reserve(1).ok()?;
        let mut divided = Divided { chunk: self.take()?, free: u16::MAX };
        let piece = divided.take();
        self.divided.push(divided);
        Some(piece)
    }

    /// Takes back memory from [`take_small`](Self::take_small), which the caller has zeroed again.
    pub(crate) fn give_small(&mut self, piece: NonNull<u8>) {
        let within = piece.addr().get() % CHUNK_BYTES;
        let chunk = piece.addr().get() - within;
        let Some(at) = self.divided.iter().position(|divided| divided.chunk.addr().get() == chunk) else { return };
        self.divided[at].free |= 1 << (within / SMALL_BYTES);
        if self.divided[at].free == u16::MAX {
            let divided = self.divided.swap_remove(at);
            self.give(divided.chunk);
        }
    }

    /// Maps another slab if fewer than `chunks` chunks are free. An untouched slab costs only
    /// address space.
    pub(crate) fn reserve(&mut self, chunks: usize) {
        // The lists are grown here, so that recording threads do not have to.
        let _ = self.divided.try_reserve(chunks);
        let _ = self.slabs.try_reserve(chunks);
        let free = self.slabs.iter().map(|slab| slab.free.count_ones() as usize);
        if free.sum::<usize>() < chunks && self.slabs.try_reserve(1).is_ok() {
            self.slabs.extend(Slab::new());
        }
    }

    /// Maps the first slab and writes to each of its pages, so that the first chunks cause no page
    /// faults.
    pub(crate) fn warm(&mut self) {
        if self.slabs.is_empty()
            && self.slabs.try_reserve(1).is_ok()
            && let Some(slab) = Slab::new()
        {
            slab.touch();
            self.slabs.push(slab);
        }
    }
}

impl Divided {
    /// Takes the lowest free piece; there must be one.
    fn take(&mut self) -> NonNull<u8> {
        let index = self.free.trailing_zeros() as usize % (CHUNK_BYTES / SMALL_BYTES);
        self.free &= !(1 << index);
        // SAFETY: the piece lies inside the chunk.
        unsafe { self.chunk.add(index * SMALL_BYTES) }
    }
}

impl Slab {
    fn new() -> Option<Self> {
        Some(Self { start: memory::map()?, free: u32::MAX })
    }

    /// Takes the lowest free chunk; there must be one.
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
            // SAFETY: the page lies inside the slab, from which no chunk has been taken yet.
            unsafe { self.start.add(page).write_volatile(0) };
        }
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        // SAFETY: mapped by `map`, and every chunk has been returned.
        unsafe { memory::unmap(self.start) };
    }
}

/// Memory from the kernel.
#[cfg(all(target_os = "linux", not(miri)))]
mod memory {
    use std::ptr::NonNull;

    use super::SLAB_BYTES;
    use crate::process;

    /// Maps a slab's memory, zeroed and aligned to its size.
    pub(crate) fn map() -> Option<NonNull<u8>> {
        // Twice the size contains an aligned slab; the rest is unmapped.
        let all = process::map_pages(2 * SLAB_BYTES)?.as_ptr().cast::<libc::c_void>();
        let before = all.addr().next_multiple_of(SLAB_BYTES) - all.addr();
        let slab = all.wrapping_byte_add(before);
        // SAFETY: both unmapped parts lie inside the mapping and outside the slab; failed advice
        // has no effect.
        unsafe {
            if before > 0 {
                libc::munmap(all, before);
            }
            libc::munmap(slab.wrapping_byte_add(SLAB_BYTES), SLAB_BYTES - before);
            libc::madvise(slab, SLAB_BYTES, libc::MADV_HUGEPAGE);
        }
        NonNull::new(slab.cast())
    }

    /// Unmaps a slab's memory.
    ///
    /// # Safety
    /// The memory is from [`map`], and no part of it is held.
    pub(crate) unsafe fn unmap(slab: NonNull<u8>) {
        // SAFETY: ensured by the caller.
        unsafe { libc::munmap(slab.as_ptr().cast(), SLAB_BYTES) };
    }
}

/// Memory from the program's allocator.
#[cfg(not(all(target_os = "linux", not(miri))))]
mod memory {
    use std::alloc::{Layout, alloc_zeroed, dealloc};
    use std::ptr::NonNull;

    use super::SLAB_BYTES;

    const LAYOUT: Layout = match Layout::from_size_align(SLAB_BYTES, SLAB_BYTES) {
        Ok(layout) => layout,
        Err(_) => unreachable!(),
    };

    /// Allocates a slab's memory, zeroed and aligned to its size.
    pub(crate) fn map() -> Option<NonNull<u8>> {
        // SAFETY: the layout's size is not zero.
        NonNull::new(unsafe { alloc_zeroed(LAYOUT) })
    }

    /// Frees a slab's memory.
    ///
    /// # Safety
    /// The memory is from [`map`], and no part of it is held.
    pub(crate) unsafe fn unmap(slab: NonNull<u8>) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(slab.as_ptr(), LAYOUT) };
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn chunks_do_not_overlap_and_excess_empty_slabs_go_back() {
        let mut slabs = Slabs::new();
        let mut chunks: Vec<_> = (0..CHUNKS * (IDLE_SLABS + 3)).map(|_| slabs.take().unwrap()).collect();
        chunks.sort_unstable();
        assert!(chunks.windows(2).all(|pair| pair[1].addr().get() - pair[0].addr().get() >= CHUNK_BYTES));
        assert_eq!(slabs.slabs.len(), IDLE_SLABS + 3);
        chunks.into_iter().for_each(|chunk| slabs.give(chunk));
        assert_eq!(slabs.slabs.len(), IDLE_SLABS);
        assert!(slabs.slabs.iter().all(|slab| slab.free == u32::MAX));
    }

    #[test]
    fn small_chunks_share_a_chunk_that_goes_back_with_the_last() {
        let mut slabs = Slabs::new();
        let mut pieces: Vec<_> = (0..40).map(|_| slabs.take_small().unwrap()).collect();
        pieces.sort_unstable();
        assert!(pieces.windows(2).all(|pair| pair[1].addr().get() - pair[0].addr().get() >= SMALL_BYTES));
        assert_eq!((slabs.divided.len(), slabs.slabs.len()), (3, 1));
        pieces.into_iter().for_each(|piece| slabs.give_small(piece));
        assert!(slabs.divided.is_empty() && slabs.slabs[0].free == u32::MAX);
    }
}
