//! Encodes shapes as entries, for the thread's stream or for a future's stored description.

use super::dtype::Dtype;
use super::shape::Element;
use crate::stream::buffer;
use crate::stream::entry::Entry;
use crate::stream::key::Key;
use crate::stream::losses::Loss;

/// Maximum number of recorded dims of one input.
pub const MAX_DIMS: usize = 8;

/// Flag next to an input's dtype: the input is a list of `usize`, which may be meant as a tensor's
/// dims.
pub const LISTS_DIMS: u64 = 1 << 8;

/// Writer for the shapes of one op's inputs.
#[derive(Debug)]
pub struct ShapeWriter {
    pub(crate) site: u32,
    /// Description of a future's call, kept until its first poll; `None` writes into the thread's
    /// stream.
    pub(crate) held: Option<Described>,
}

/// Description of a call whose range begins later; empty if there was no memory for all of it.
#[derive(Debug, Default)]
pub(crate) struct Described {
    entries: Vec<Entry>,
    is_cut: bool,
}

impl Described {
    /// Adds entries, unless memory was short before: a description with a gap would have another
    /// meaning.
    pub(crate) fn extend(&mut self, entries: &[Entry]) {
        if !self.is_cut && self.entries.try_reserve(entries.len()).is_ok() {
            self.entries.extend_from_slice(entries);
        } else {
            self.is_cut = true;
        }
    }

    /// Returns the entries; counts the call if memory was short.
    pub(crate) fn finish(self) -> Vec<Entry> {
        if self.is_cut {
            Loss::Undescribed.count();
            return Vec::new();
        }
        self.entries
    }

    /// Clears the description but keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

impl ShapeWriter {
    /// Writes one tensor. Dims beyond the eighth are not recorded.
    pub fn tensor(&mut self, dtype: Dtype, dims: &[usize]) {
        self.marked(dtype, dims, 0);
    }

    /// Writes one tensor, flagged with [`LISTS_DIMS`] or 0.
    #[inline(always)]
    pub(super) fn marked(&mut self, dtype: Dtype, dims: &[usize], mark: u64) {
        let dims = &dims[..dims.len().min(MAX_DIMS)];
        self.argument(Key::INPUT, mark | dtype as u64, dims, |dim| dim as u64);
    }

    /// Writes one tensor whose elements are not contiguous in memory. `strides` are in elements,
    /// one per dim. Row-major strides are not recorded, so the result is that of
    /// [`tensor`](Self::tensor).
    pub fn strided(&mut self, dtype: Dtype, dims: &[usize], strides: impl IntoIterator<Item = isize>) {
        self.tensor(dtype, dims);
        let mut given = [0_isize; MAX_DIMS];
        let count = given.iter_mut().zip(strides).map(|(place, stride)| *place = stride).count().min(dims.len());
        if !is_row_major(dims, &given[..count]) {
            // CAST: the model casts back, from the 56 bits of a pair's second word.
            self.argument(Key::STRIDES, given[0] as u64, &given[1..count], |stride| stride as u64);
        }
    }

    /// Writes an argument of one word and up to eight more.
    #[inline(always)]
    fn argument<T: Copy>(&mut self, key: Key, first: u64, others: &[T], word: impl Fn(T) -> u64) {
        let mut entries = [Entry::first_of((key, self.site, first), others.len()); 1 + MAX_DIMS / 2];
        Entry::write_others(&mut entries[1..], others, word);
        self.write(&entries[..1 + others.len().div_ceil(2)]);
    }

    pub(crate) fn write(&mut self, entries: &[Entry]) {
        match &mut self.held {
            Some(held) => held.extend(entries),
            None => buffer::append_slice(entries),
        }
    }

    /// Writes a list of elements. A list of `usize` is flagged, because it may be meant as a
    /// tensor's dims.
    pub(super) fn list<T: Element<O>, O>(&mut self, length: usize) {
        self.marked(T::DTYPE, &[length], if T::IS_COUNT { LISTS_DIMS } else { 0 });
    }

    /// Writes a number.
    pub fn scalar(&mut self) {
        self.tensor(Dtype::Scalar, &[]);
    }
}

fn is_row_major(dims: &[usize], strides: &[isize]) -> bool {
    let mut expected = 1_usize;
    dims.iter().zip(strides).rev().all(|(&dim, &stride)| {
        let right = dim <= 1 || usize::try_from(stride) == Ok(expected);
        expected = expected.saturating_mul(dim);
        right
    })
}
