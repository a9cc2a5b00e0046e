//! The memory that CUPTI writes records into.
//!
//! CUPTI asks for a buffer and gives it back through callbacks, on threads of its own or inside a
//! CUDA call of the program's. They take one lock for a moment and call nothing (kineto#1347: a
//! lock that is held around a call of CUPTI's is a deadlock). Buffers that are full wait here for
//! the decoder, in no particular order.

use profiler_core::process::PerProcess;
use std::collections::HashMap;
use std::ffi::c_void;
use std::panic::catch_unwind;
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes of a buffer: about 14,000 launches.
pub(super) const BYTES: usize = 4 << 20;
/// Buffers that stay allocated between sessions.
const KEPT: usize = 2;

/// A buffer, aligned to 8 bytes as CUPTI demands.
type Storage = Box<[u64]>;

/// A buffer with records.
#[derive(Debug)]
pub(super) struct Full {
    storage: Storage,
    valid: usize,
}

#[derive(Debug, Default)]
struct Pool {
    idle: Vec<Storage>,
    /// Buffers that CUPTI writes into, by address.
    out: HashMap<usize, Storage>,
    full: Vec<Full>,
    /// Most buffers at a time.
    most: usize,
    /// True if CUPTI may be told that there is none.
    may_refuse: bool,
    /// Number of buffers refused or thrown away.
    lost: u64,
    /// Contexts and streams that gave buffers back, for the count of dropped records.
    queues: Vec<(usize, u32)>,
}

static POOL: PerProcess<Mutex<Option<Pool>>> = PerProcess::new(|_| Mutex::default());

fn with_pool<R>(f: impl FnOnce(&mut Pool) -> R) -> R {
    let mut pool: MutexGuard<'_, Option<Pool>> = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    f(pool.get_or_insert_default())
}

/// Prepares for a session that may take `bytes`. Allocates now, because a request comes inside a
/// launch of the program (kineto#1020).
pub(super) fn prepare(bytes: usize, may_refuse: bool) {
    with_pool(|pool| {
        pool.most = (bytes / BYTES).max(KEPT);
        pool.may_refuse = may_refuse;
        pool.lost = 0;
        while pool.idle.len() < KEPT {
            pool.idle.push(storage());
        }
    });
}

/// Takes the contents of a session's buffers: the full ones, how many were lost, and which queues
/// they came from.
pub(super) fn take() -> (Vec<Full>, u64, Vec<(usize, u32)>) {
    with_pool(|pool| (std::mem::take(&mut pool.full), std::mem::take(&mut pool.lost), std::mem::take(&mut pool.queues)))
}

/// Returns the bytes of the buffers that CUPTI writes into or that wait to be decoded.
pub(super) fn bytes_in_use() -> usize {
    with_pool(|pool| (pool.full.len() + pool.out.len()) * BYTES)
}

fn storage() -> Storage {
    vec![0; BYTES / size_of::<u64>()].into_boxed_slice()
}

impl Full {
    /// Returns where the records begin, and how many bytes they take.
    pub(super) fn parts(&mut self) -> (*mut u8, usize) {
        (self.storage.as_mut_ptr().cast(), self.valid)
    }

    /// Gives the memory back for another use.
    pub(super) fn recycle(self) {
        with_pool(|pool| {
            if pool.idle.len() < KEPT {
                pool.idle.push(self.storage);
            }
        });
    }
}

impl Pool {
    fn request(&mut self) -> Option<*mut u8> {
        if self.full.len() + self.out.len() >= self.most && self.may_refuse {
            self.lost += 1;
            return None;
        }
        let mut storage = self.idle.pop().unwrap_or_else(storage);
        let start = storage.as_mut_ptr();
        self.out.insert(start.addr(), storage);
        Some(start.cast())
    }

    fn complete(&mut self, queue: (usize, u32), start: *mut u8, valid: usize) {
        let Some(storage) = self.out.remove(&start.addr()) else { return };
        if !self.queues.contains(&queue) {
            self.queues.push(queue);
        }
        if valid == 0 || valid > BYTES {
            self.idle.push(storage);
        } else if self.full.len() >= self.most {
            self.lost += 1;
            self.idle.push(storage);
        } else {
            self.full.push(Full { storage, valid });
        }
    }
}

/// Hands CUPTI a buffer.
///
/// # Safety
///
/// CUPTI calls it, with pointers that can be written to.
pub(super) unsafe extern "C" fn requested(buffer: *mut *mut u8, size: *mut usize, most_records: *mut usize) {
    let start = catch_unwind(|| with_pool(Pool::request)).ok().flatten();
    // SAFETY: CUPTI passes three valid pointers.
    unsafe {
        *buffer = start.unwrap_or(ptr::null_mut());
        *size = if start.is_some() { BYTES } else { 0 };
        *most_records = 0;
    }
}

/// Takes a buffer back from CUPTI; `valid` bytes of it hold records.
///
/// # Safety
///
/// CUPTI calls it, with a buffer that [`requested`] has given out.
pub(super) unsafe extern "C" fn completed(context: *mut c_void, stream: u32, buffer: *mut u8, _: usize, valid: usize) {
    // A panic must not unwind into C; there is nothing to do about one here.
    let _ = catch_unwind(|| with_pool(|pool| pool.complete((context.addr(), stream), buffer, valid)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_pool_refuses_or_throws_away_and_counts() {
        let mut pool = Pool { most: 1, may_refuse: true, ..Pool::default() };
        let first = pool.request();
        assert!(first.is_some() && pool.request().is_none());
        assert_eq!(pool.lost, 1);
        pool.may_refuse = false;
        let second = pool.request();
        pool.complete((0, 0), first.unwrap_or(ptr::null_mut()), 8);
        pool.complete((0, 0), second.unwrap_or(ptr::null_mut()), 8);
        assert_eq!((pool.full.len(), pool.lost, pool.out.len()), (1, 2, 0));
        assert_eq!(pool.queues, [(0, 0)]);
    }

    #[test]
    fn an_unknown_or_empty_buffer_is_no_record() {
        let mut pool = Pool { most: 4, ..Pool::default() };
        pool.complete((0, 0), ptr::without_provenance_mut(64), 8);
        let start = pool.request();
        pool.complete((0, 0), start.unwrap_or(ptr::null_mut()), 0);
        assert!(pool.full.is_empty() && pool.lost == 0);
    }
}
