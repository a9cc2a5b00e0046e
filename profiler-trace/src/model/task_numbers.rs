//! Ranks of task numbers, so that per-task values can be stored in a dense column.
//!
//! Threads take task numbers in blocks, so the numbers of a recording are close together: one bit
//! per number is cheaper than a map's entry, and costs at most two words per number if a filter
//! records only a few tasks.

/// Numbers in one block.
const BLOCK: u64 = 32;
/// Number of unsorted blocks that are always allowed to accumulate.
const MAX_UNSORTED: usize = 1 << 10;

/// A block of neighbouring numbers.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// Number of the block: the leading bits shared by its task numbers.
    number: u64,
    /// One bit per task number that occurs.
    bits: u32,
    /// Rank of the block's first task number.
    first: u32,
}

/// Task numbers while they are collected, in any order.
#[derive(Debug, Default)]
pub(super) struct TaskNumbers {
    blocks: Vec<Block>,
    /// Length of the sorted prefix of `blocks`.
    sorted: usize,
}

/// Ranks of all task numbers of a recording.
#[derive(Debug, Default)]
pub(super) struct TaskRanks {
    blocks: Vec<Block>,
    len: u32,
}

impl TaskNumbers {
    /// Adds a number, which may have been added before.
    #[inline]
    pub(super) fn add(&mut self, task: u64) {
        let (number, bit) = (task / BLOCK, 1 << (task % BLOCK));
        match self.blocks.last_mut() {
            Some(last) if last.number == number => last.bits |= bit,
            _ => self.add_block(Block { number, bits: bit, first: 0 }),
        }
    }

    /// Adds a number whose block is not the last one.
    fn add_block(&mut self, block: Block) {
        let (sorted, unsorted) = self.blocks.split_at_mut(self.sorted);
        let unsorted = unsorted.len();
        if let Ok(at) = sorted.binary_search_by_key(&block.number, |sorted| sorted.number) {
            sorted[at].bits |= block.bits;
            return;
        }
        if unsorted > MAX_UNSORTED.max(self.sorted) {
            self.sort();
        }
        self.blocks.push(block);
    }

    fn sort(&mut self) {
        self.blocks.sort_unstable_by_key(|block| block.number);
        self.blocks.dedup_by(|block, before| {
            let same = block.number == before.number;
            before.bits |= if same { block.bits } else { 0 };
            same
        });
        self.sorted = self.blocks.len();
    }

    /// Returns the ranks of all numbers.
    pub(super) fn close(mut self) -> TaskRanks {
        self.sort();
        let (mut blocks, mut len) = (self.blocks, 0);
        blocks.shrink_to_fit();
        for block in &mut blocks {
            block.first = len;
            len += block.bits.count_ones();
        }
        TaskRanks { blocks, len }
    }
}

impl TaskRanks {
    /// Returns the count of distinct numbers.
    pub(super) const fn len(&self) -> usize {
        self.len as usize
    }

    /// Returns the rank of a number, starting at 0.
    pub(super) fn rank(&self, task: u64) -> Option<u32> {
        let at = self.blocks.binary_search_by_key(&(task / BLOCK), |block| block.number).ok()?;
        let (block, bit) = (self.blocks[at], 1_u32 << (task % BLOCK));
        (block.bits & bit != 0).then(|| block.first + (block.bits & (bit - 1)).count_ones())
    }

    /// Returns the number with a rank; 0 if there is none.
    pub(super) fn number(&self, rank: u32) -> u64 {
        let at = self.blocks.partition_point(|block| block.first <= rank);
        let Some(block) = at.checked_sub(1).map(|at| self.blocks[at]) else { return 0 };
        let bits = (block.first..rank).fold(block.bits, |bits, _| bits & bits.wrapping_sub(1));
        block.number * BLOCK + u64::from(bits.trailing_zeros())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::vec;
    use proptest::{prop_assert_eq, proptest};

    use super::*;

    proptest! {
        /// G1: dense numbers, sparse ones, and those that a damaged spool may contain.
        #[test]
        fn a_rank_says_how_many_numbers_are_smaller(
            numbers in vec((0..4_u64, 0..200_u64), 0..4000),
        ) {
            let number = |(far, near): &(u64, u64)| {
                [*near, 1_000_000 + near, near * 1000, u64::MAX - near][*far as usize]
            };
            let numbers: Vec<u64> = numbers.iter().map(number).collect();
            let mut gathered = TaskNumbers::default();
            numbers.iter().for_each(|task| gathered.add(*task));
            let ranks = gathered.close();
            let all: BTreeSet<u64> = numbers.into_iter().collect();
            prop_assert_eq!(ranks.len(), all.len());
            for (task, rank) in all.iter().zip(0..) {
                prop_assert_eq!((ranks.rank(*task), ranks.number(rank)), (Some(rank), *task));
                prop_assert_eq!(ranks.rank(task ^ 1).is_some(), all.contains(&(task ^ 1)));
            }
        }
    }
}
