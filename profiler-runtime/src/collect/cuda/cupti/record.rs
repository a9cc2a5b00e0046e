//! Reads fields of a CUPTI record and iterates over the records of a buffer.
//!
//! libcupti iterates over its own buffers (`cuptiActivityGetNextRecord`), because only the library
//! that wrote a record knows its length. One build therefore reads every version.

use std::ptr;

use super::api::{Cupti, END_OF_BUFFER};
use super::buffers::FullBuffer;

/// A record inside a buffer that CUPTI has filled.
#[derive(Clone, Copy)]
pub(super) struct Record {
    start: *const u8,
    length: usize,
}

impl Record {
    /// Creates a view of the record at `start`.
    ///
    /// # Safety
    ///
    /// `start` points to a CUPTI record at least as long as its kind was in 11.7, which outlives
    /// this value. The first `length` bytes belong to the record; `length` may be 0 if its end is
    /// unknown.
    pub(super) const unsafe fn new(start: *const u8, length: usize) -> Self {
        Self { start, length }
    }

    /// Returns the kind of the record.
    pub(super) fn kind(self) -> u32 {
        self.read(0)
    }

    /// Returns the value at `offset`. The caller names only offsets that the record's kind has.
    pub(super) fn read<T: Copy>(self, offset: usize) -> T {
        // SAFETY: the record lies wholly inside a buffer and is at least as long as its kind was in
        // CUPTI 11.7; every `T` used here is an integer, or an array or pointer that fits that
        // length.
        unsafe { self.start.add(offset).cast::<T>().read_unaligned() }
    }

    /// Returns all bytes of the record; none if its end is unknown.
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: `length` bytes belong to the record, in a buffer whose bytes were all
        // initialized.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }
}

/// Visits every record of a buffer; returns false if the buffer cannot be read to its end.
pub(super) fn walk(cupti: &Cupti, full: &mut FullBuffer, mut visit: impl FnMut(Record)) -> bool {
    let (start, valid) = full.records();
    let mut record = ptr::null_mut();
    let mut last: *mut u8 = ptr::null_mut();
    loop {
        // SAFETY: CUPTI has written `valid` bytes of records to `start`; `record` is null or the
        // record that the previous call returned.
        let code = unsafe { (cupti.functions.next)(start, valid, &mut record) };
        let end = match code {
            0 => record.addr(),
            END_OF_BUFFER => start.addr() + valid,
            // The end of the last record is unknown.
            _ => last.addr(),
        };
        if !last.is_null() {
            // SAFETY: `GetNextRecord` returns adjacent records that lie wholly inside the buffer.
            visit(unsafe { Record::new(last, end.saturating_sub(last.addr())) });
        }
        if code != 0 {
            return code == END_OF_BUFFER;
        }
        last = record;
    }
}
