//! Provides the buffers that CUPTI writes records into.
//!
//! CUPTI requests and returns buffers through callbacks, on threads of its own or inside a CUDA
//! call of the program. The callbacks hold one lock for a moment and call nothing, because a lock
//! that is also held around a CUPTI call would deadlock (kineto#1347). Full buffers wait here for
//! the decoder, in no particular order.

use profiler_core::process::PerProcess;
use std::collections::HashMap;
use std::ffi::c_void;
use std::panic::catch_unwind;
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Size of a buffer in bytes: room for about 14,000 launches.
pub(super) const BYTES: usize = 4 << 20;
/// Number of buffers that stay allocated between sessions.
const MAX_IDLE: usize = 2;

/// The memory of a buffer, aligned to 8 bytes as CUPTI requires.
type Storage = Box<[u64]>;

/// A buffer that CUPTI has filled with records.
#[derive(Debug)]
pub(super) struct FullBuffer {
    storage: Storage,
    valid: usize,
}

#[derive(Debug, Default)]
struct Pool {
    idle: Vec<Storage>,
    /// Buffers that CUPTI writes into, by address.
    lent: HashMap<usize, Storage>,
    full: Vec<FullBuffer>,
    /// Maximum number of buffers at a time.
    max_buffers: usize,
    /// True if CUPTI survives a refused request.
    may_refuse: bool,
    /// Number of buffers that were refused or discarded.
    lost: u64,
    /// Contexts and streams that returned buffers, for the count of dropped records.
    queues: Vec<(usize, u32)>,
}

static POOL: PerProcess<Mutex<Option<Pool>>> = PerProcess::new(|_| Mutex::default());

fn with_pool<R>(f: impl FnOnce(&mut Pool) -> R) -> R {
    let mut pool: MutexGuard<'_, Option<Pool>> = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    f(pool.get_or_insert_default())
}

/// Prepares for a session that may use `bytes` of buffers. Allocates the first ones now, because
/// CUPTI requests them inside a launch of the program (kineto#1020).
pub(super) fn prepare(bytes: usize, may_refuse: bool) {
    with_pool(|pool| {
        pool.max_buffers = (bytes / BYTES).max(MAX_IDLE);
        pool.may_refuse = may_refuse;
        pool.lost = 0;
        while pool.idle.len() < MAX_IDLE {
            pool.idle.push(storage());
        }
    });
}

/// Takes the results of a session: full buffers, the number of lost ones, and the queues they came
/// from.
pub(super) fn take() -> (Vec<FullBuffer>, u64, Vec<(usize, u32)>) {
    with_pool(|pool| (std::mem::take(&mut pool.full), std::mem::take(&mut pool.lost), std::mem::take(&mut pool.queues)))
}

/// Returns the bytes of the buffers that CUPTI writes into or that were not decoded yet.
pub(super) fn bytes_in_use() -> usize {
    with_pool(|pool| (pool.full.len() + pool.lent.len()) * BYTES)
}

fn storage() -> Storage {
    vec![0; BYTES / size_of::<u64>()].into_boxed_slice()
}

impl FullBuffer {
    /// Returns the address of the records and their length in bytes.
    pub(super) fn records(&mut self) -> (*mut u8, usize) {
        (self.storage.as_mut_ptr().cast(), self.valid)
    }

    /// Returns the memory to the pool.
    pub(super) fn recycle(self) {
        with_pool(|pool| {
            if pool.idle.len() < MAX_IDLE {
                pool.idle.push(self.storage);
            }
        });
    }
}

impl Pool {
    fn request(&mut self) -> Option<*mut u8> {
        if self.full.len() + self.lent.len() >= self.max_buffers && self.may_refuse {
            self.lost += 1;
            return None;
        }
        let mut storage = self.idle.pop().unwrap_or_else(storage);
        let start = storage.as_mut_ptr();
        self.lent.insert(start.addr(), storage);
        Some(start.cast())
    }

    fn complete(&mut self, queue: (usize, u32), start: *mut u8, valid: usize) {
        let Some(storage) = self.lent.remove(&start.addr()) else { return };
        if !self.queues.contains(&queue) {
            self.queues.push(queue);
        }
        if valid == 0 || valid > BYTES {
            self.idle.push(storage);
        } else if self.full.len() >= self.max_buffers {
            self.lost += 1;
            self.idle.push(storage);
        } else {
            self.full.push(FullBuffer { storage, valid });
        }
    }
}

/// Provides a buffer to CUPTI.
///
/// # Safety
///
/// Called by CUPTI only, with pointers that are valid for writes.
pub(super) unsafe extern "C" fn requested(buffer: *mut *mut u8, size: *mut usize, most_records: *mut usize) {
    let start = catch_unwind(|| with_pool(Pool::request)).ok().flatten();
    // SAFETY: CUPTI passes three valid pointers.
    unsafe {
        *buffer = start.unwrap_or(ptr::null_mut());
        *size = if start.is_some() { BYTES } else { 0 };
        *most_records = 0;
    }
}

/// Takes back a buffer, of which `valid` bytes hold records.
///
/// # Safety
///
/// Called by CUPTI only, with a buffer that [`requested`] has provided.
pub(super) unsafe extern "C" fn completed(context: *mut c_void, stream: u32, buffer: *mut u8, _: usize, valid: usize) {
    // A panic must not unwind into C, and there is no way to report one here.
    let _ = catch_unwind(|| with_pool(|pool| pool.complete((context.addr(), stream), buffer, valid)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_pool_refuses_or_discards_and_counts() {
        let mut pool = Pool { max_buffers: 1, may_refuse: true, ..Pool::default() };
        let first = pool.request();
        assert!(first.is_some() && pool.request().is_none());
        assert_eq!(pool.lost, 1);
        pool.may_refuse = false;
        let second = pool.request();
        pool.complete((0, 0), first.unwrap_or(ptr::null_mut()), 8);
        pool.complete((0, 0), second.unwrap_or(ptr::null_mut()), 8);
        assert_eq!((pool.full.len(), pool.lost, pool.lent.len()), (1, 2, 0));
        assert_eq!(pool.queues, [(0, 0)]);
    }

    #[test]
    fn an_unknown_or_empty_buffer_is_no_record() {
        let mut pool = Pool { max_buffers: 4, ..Pool::default() };
        pool.complete((0, 0), ptr::without_provenance_mut(64), 8);
        let start = pool.request();
        pool.complete((0, 0), start.unwrap_or(ptr::null_mut()), 0);
        assert!(pool.full.is_empty() && pool.lost == 0);
    }
}
