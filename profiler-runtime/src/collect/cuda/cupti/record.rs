//! A record in a buffer of CUPTI's, and the walk from one to the next.
//!
//! libcupti walks its own buffers (`cuptiActivityGetNextRecord`), so that one build reads every
//! version: it alone knows how long its records are.

use std::ptr;

use super::api::{Cupti, END_OF_BUFFER};
use super::buffers::Full;

/// A record inside a buffer that CUPTI has filled.
#[derive(Clone, Copy)]
pub(super) struct Record {
    start: *const u8,
    length: usize,
}

impl Record {
    /// Creates the record at `start`.
    ///
    /// # Safety
    ///
    /// A record of CUPTI's is at `start`, of a length that its kind had in 11.7 or later, and stays
    /// while this is used; `length` of its bytes are known to be the record's, perhaps none.
    pub(super) const unsafe fn new(start: *const u8, length: usize) -> Self {
        Self { start, length }
    }

    /// Returns the kind of the record.
    pub(super) fn kind(self) -> u32 {
        self.read(0)
    }

    /// Returns the value at `offset`. Each use names a kind whose records are long enough.
    pub(super) fn read<T: Copy>(self, offset: usize) -> T {
        // SAFETY: the record lies wholly inside a buffer and is at least as long as its kind was in
        // CUPTI 11.7; every `T` here is a number, or a prefix of numbers and pointers of that
        // length.
        unsafe { self.start.add(offset).cast::<T>().read_unaligned() }
    }

    /// Returns all bytes of the record; none where its end is not known.
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: so many bytes are the record's, in a buffer that was allocated with every byte
        // set.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }
}

/// Visits every record of a buffer; false if it cannot be read to its end.
pub(super) fn walk(cupti: &Cupti, full: &mut Full, mut visit: impl FnMut(Record)) -> bool {
    let (start, valid) = full.parts();
    let mut record = ptr::null_mut();
    let mut last: *mut u8 = ptr::null_mut();
    loop {
        // SAFETY: CUPTI has written `valid` bytes of records to `start`; `record` is null or the
        // one it returned last.
        let code = unsafe { (cupti.functions.next)(start, valid, &mut record) };
        let end = match code {
            0 => record.addr(),
            END_OF_BUFFER => start.addr() + valid,
            // The end of the last record is not known.
            _ => last.addr(),
        };
        if !last.is_null() {
            // SAFETY: `GetNextRecord` returns records that lie wholly inside the buffer, one behind
            // the other.
            visit(unsafe { Record::new(last, end.saturating_sub(last.addr())) });
        }
        if code != 0 {
            return code == END_OF_BUFFER;
        }
        last = record;
    }
}
