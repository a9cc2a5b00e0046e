//! Numbers of tasks, and the rank of each among all of them: values of tasks lie in a table without
//! gaps.
//!
//! Threads take task numbers in blocks, so that those of a recording lie close together: a bit for
//! each costs less than a map's entry, and costs no more than two words where a filter records one
//! task in many.

/// Numbers in one block.
const BLOCK: u64 = 32;
/// Blocks that may wait to be sorted in.
const FEW: usize = 1 << 10;

/// A block of neighbouring numbers.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// Number of the block: the leading bits that its numbers share.
    number: u64,
    /// A bit for each number that occurs.
    bits: u32,
    /// Rank of the first number.
    first: u32,
}

/// Task numbers while they are gathered, in any order.
#[derive(Debug, Default)]
pub(super) struct TaskNumbers {
    blocks: Vec<Block>,
    /// Count of the first blocks that are in order.
    sorted: usize,
}

/// All task numbers of a recording.
#[derive(Debug, Default)]
pub(super) struct TaskRanks {
    blocks: Vec<Block>,
    len: u32,
}

impl TaskNumbers {
    /// Adds a number, which may be known already.
    #[inline]
    pub(super) fn add(&mut self, task: u64) {
        let (number, bit) = (task / BLOCK, 1 << (task % BLOCK));
        match self.blocks.last_mut() {
            Some(last) if last.number == number => last.bits |= bit,
            _ => self.add_apart(Block { number, bits: bit, first: 0 }),
        }
    }

    /// Adds a number whose block is not the last.
    fn add_apart(&mut self, block: Block) {
        let (sorted, waiting) = self.blocks.split_at_mut(self.sorted);
        let waiting = waiting.len();
        if let Ok(at) = sorted.binary_search_by_key(&block.number, |known| known.number) {
            sorted[at].bits |= block.bits;
            return;
        }
        if waiting > FEW.max(self.sorted) {
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

    /// Returns all numbers, ranked.
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
    /// Returns how many numbers there are.
    pub(super) const fn len(&self) -> usize {
        self.len as usize
    }

    /// Returns the rank of a number, from 0.
    pub(super) fn rank(&self, task: u64) -> Option<u32> {
        let at = self.blocks.binary_search_by_key(&(task / BLOCK), |block| block.number).ok()?;
        let (block, bit) = (self.blocks[at], 1_u32 << (task % BLOCK));
        (block.bits & bit != 0).then(|| block.first + (block.bits & (bit - 1)).count_ones())
    }

    /// Returns the number of a rank; 0 for a rank that does not exist.
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
        /// G1: dense numbers, sparse ones, and those that a damaged spool may tell of.
        #[test]
        fn a_rank_says_how_many_numbers_are_smaller(
            numbers in vec((0..4_u64, 0..200_u64), 0..4000),
        ) {
            let numbers: Vec<u64> =
                numbers.iter().map(|(far, near)| [*near, 1_000_000 + near, near * 1000, u64::MAX - near][*far as usize]).collect();
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
