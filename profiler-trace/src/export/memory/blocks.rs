//! The blocks of one device: the allocated ones, and the stretches of addresses that blocks have
//! ever occupied.

use std::collections::BTreeMap;

use crate::model::NodeId;

/// Stretches begin and end at multiples of this: neighbours become one.
const ALIGNMENT: u64 = 64 << 10;

/// A block that is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Its size.
    pub(super) bytes: u64,
    /// The ranges that were open when it was allocated.
    pub(super) path: NodeId,
}

/// Blocks by address.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    live: BTreeMap<u64, Block>,
    /// End of each stretch, by its begin.
    stretches: BTreeMap<u64, u64>,
    /// Bytes of blocks that were there before the recording, and were freed in it.
    freed_of_before: u64,
}

impl Blocks {
    /// Removes the blocks that overlap a new one, and returns them: their releases were not
    /// recorded.
    pub(super) fn displace(&mut self, address: u64, bytes: u64) -> Vec<(u64, Block)> {
        let end = address.saturating_add(bytes.max(1));
        let mut gone = Vec::new();
        while let Some((&begin, &block)) = self.live.range(..end).next_back() {
            if begin < address && begin.saturating_add(block.bytes) <= address {
                break;
            }
            self.live.remove(&begin);
            gone.push((begin, block));
        }
        gone
    }

    /// Adds an allocated block, where there is none.
    pub(super) fn alloc(&mut self, address: u64, block: Block) {
        self.stretch(address, block.bytes);
        self.live.insert(address, block);
    }

    /// Removes a freed block, and returns its size: the one that it was allocated with, if that is
    /// known.
    pub(super) fn free(&mut self, address: u64, bytes: u64) -> u64 {
        match self.live.remove(&address) {
            Some(block) => block.bytes,
            None => {
                self.stretch(address, bytes);
                self.freed_of_before = self.freed_of_before.saturating_add(bytes);
                bytes
            }
        }
    }

    /// Adds a block for the `bytes` from before the recording that were never freed, at unused
    /// addresses: their own are not known.
    pub(super) fn keep_from_before(&mut self, bytes: u64, path: NodeId) {
        let left = bytes.saturating_sub(self.freed_of_before);
        let end = self.stretches.last_key_value().map_or(0, |(_, end)| *end);
        if left > 0 {
            self.alloc(end.saturating_add(ALIGNMENT), Block { bytes: left, path });
        }
    }

    fn stretch(&mut self, address: u64, bytes: u64) {
        let mut begin = address - address % ALIGNMENT;
        let mut end = address.saturating_add(bytes.max(1)).div_ceil(ALIGNMENT).saturating_mul(ALIGNMENT);
        while let Some((&known_begin, &known_end)) = self.stretches.range(..=end).next_back() {
            if known_begin <= begin && end <= known_end {
                return;
            }
            if known_end < begin {
                break;
            }
            self.stretches.remove(&known_begin);
            (begin, end) = (begin.min(known_begin), end.max(known_end));
        }
        self.stretches.insert(begin, end);
    }

    /// Returns the stretches, `(begin, end)`, in order.
    pub(super) fn segments(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.stretches.iter().map(|(&begin, &end)| (begin, end))
    }

    /// Returns the blocks of a stretch, in order.
    pub(super) fn within(&self, begin: u64, end: u64) -> impl Iterator<Item = (u64, &Block)> + Clone {
        self.live.range(begin..end).map(|(&address, block)| (address, block))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = ALIGNMENT;

    fn block(bytes: u64) -> Block {
        Block { bytes, path: NodeId(0) }
    }

    #[test]
    fn stretches_that_touch_become_one_and_others_stay_apart() {
        let mut blocks = Blocks::default();
        blocks.alloc(PAGE * 10 + 5, block(10));
        blocks.alloc(PAGE * 20, block(PAGE));
        assert_eq!(blocks.segments().collect::<Vec<_>>(), [(PAGE * 10, PAGE * 11), (PAGE * 20, PAGE * 21)]);
        blocks.alloc(PAGE * 11, block(1));
        blocks.free(PAGE * 13, PAGE);
        assert_eq!(
            blocks.segments().collect::<Vec<_>>(),
            [(PAGE * 10, PAGE * 12), (PAGE * 13, PAGE * 14), (PAGE * 20, PAGE * 21)]
        );
        blocks.alloc(PAGE * 12, block(PAGE * 8));
        assert_eq!(blocks.segments().collect::<Vec<_>>(), [(PAGE * 10, PAGE * 21)]);
        assert_eq!(blocks.within(PAGE * 11, PAGE * 12).map(|(address, _)| address).collect::<Vec<_>>(), [PAGE * 11]);
    }

    /// E11: what was there before the recording is there in a replay.
    #[test]
    fn what_is_left_from_before_is_a_block_of_its_own() {
        let mut blocks = Blocks::default();
        blocks.alloc(PAGE * 10, block(10));
        assert_eq!(blocks.free(PAGE * 12, 30), 30, "not allocated in the recording");
        blocks.keep_from_before(100, NodeId(7));
        let left = Block { bytes: 70, path: NodeId(7) };
        assert_eq!(blocks.within(PAGE * 13, u64::MAX).collect::<Vec<_>>(), [(PAGE * 14, &left)]);
        let mut all_freed = Blocks::default();
        all_freed.free(PAGE, 100);
        all_freed.keep_from_before(100, NodeId(7));
        assert_eq!(all_freed.within(0, u64::MAX).count(), 0);
    }

    #[test]
    fn a_new_block_displaces_whatever_it_overlaps_and_nothing_else() {
        let mut blocks = Blocks::default();
        for (address, bytes) in [(100, 10), (110, 10), (120, 40), (200, 10)] {
            blocks.alloc(address, block(bytes));
        }
        let gone: Vec<u64> = blocks.displace(115, 20).into_iter().map(|(address, _)| address).collect();
        assert_eq!(gone, [120, 110]);
        assert_eq!(blocks.displace(160, 40), []);
        assert_eq!(blocks.free(100, 1), 10, "the size that it was allocated with");
    }
}
