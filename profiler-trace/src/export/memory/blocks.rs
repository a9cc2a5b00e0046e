//! The blocks of one device: the allocated blocks, and the segments of addresses that blocks have
//! ever occupied.

use std::collections::BTreeMap;

use crate::model::NodeId;

/// Alignment of segments, so that neighbouring segments merge.
const ALIGNMENT: u64 = 64 << 10;

/// An allocated block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Size of the block.
    pub(super) bytes: u64,
    /// Path of the ranges that were open when it was allocated.
    pub(super) path: NodeId,
}

/// Blocks by address.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    /// Allocated blocks.
    live: BTreeMap<u64, Block>,
    /// End of each segment, by start.
    segments: BTreeMap<u64, u64>,
    /// Bytes of blocks from before the recording that were freed during it.
    freed_from_before: u64,
}

impl Blocks {
    /// Removes and returns the blocks that overlap a new one; their releases were not recorded.
    pub(super) fn displace(&mut self, address: u64, bytes: u64) -> Vec<(u64, Block)> {
        let end = address.saturating_add(bytes.max(1));
        let mut removed = Vec::new();
        while let Some((&begin, &block)) = self.live.range(..end).next_back() {
            if begin < address && begin.saturating_add(block.bytes) <= address {
                break;
            }
            self.live.remove(&begin);
            removed.push((begin, block));
        }
        removed
    }

    /// Adds an allocated block. No other block may overlap it.
    pub(super) fn alloc(&mut self, address: u64, block: Block) {
        self.extend_segments(address, block.bytes);
        self.live.insert(address, block);
    }

    /// Removes a freed block. Returns its size at allocation if known, otherwise the given size.
    pub(super) fn free(&mut self, address: u64, bytes: u64) -> u64 {
        match self.live.remove(&address) {
            Some(block) => block.bytes,
            None => {
                self.extend_segments(address, bytes);
                self.freed_from_before = self.freed_from_before.saturating_add(bytes);
                bytes
            }
        }
    }

    /// Adds a block for the part of `bytes` from before the recording that was never freed. It gets
    /// unused addresses, because its own are unknown.
    pub(super) fn keep_from_before(&mut self, bytes: u64, path: NodeId) {
        let left = bytes.saturating_sub(self.freed_from_before);
        let end = self.segments.last_key_value().map_or(0, |(_, end)| *end);
        if left > 0 {
            self.alloc(end.saturating_add(ALIGNMENT), Block { bytes: left, path });
        }
    }

    fn extend_segments(&mut self, address: u64, bytes: u64) {
        let mut begin = address - address % ALIGNMENT;
        let mut end = address.saturating_add(bytes.max(1)).div_ceil(ALIGNMENT).saturating_mul(ALIGNMENT);
        while let Some((&other_begin, &other_end)) = self.segments.range(..=end).next_back() {
            if other_begin <= begin && end <= other_end {
                return;
            }
            if other_end < begin {
                break;
            }
            self.segments.remove(&other_begin);
            (begin, end) = (begin.min(other_begin), end.max(other_end));
        }
        self.segments.insert(begin, end);
    }

    /// Returns the segments as `(begin, end)`, in order.
    pub(super) fn segments(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.segments.iter().map(|(&begin, &end)| (begin, end))
    }

    /// Returns the blocks of a segment, in order.
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

    /// E11: blocks from before the recording are part of a replay.
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
        let removed: Vec<u64> = blocks.displace(115, 20).into_iter().map(|(address, _)| address).collect();
        assert_eq!(removed, [120, 110]);
        assert_eq!(blocks.displace(160, 40), []);
        assert_eq!(blocks.free(100, 1), 10, "the size that it was allocated with");
    }
}
