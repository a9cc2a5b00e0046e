//! A number for each task, for millions of them: tasks are numbered in blocks, so neighbours lie side by side.

use std::collections::HashMap;

/// Neighbours that lie side by side.
const BLOCK: usize = 16;
const NONE: u32 = u32::MAX;

/// Numbers by number of the task; some seven bytes for each.
#[derive(Debug, Default)]
pub(super) struct ByTask {
    blocks: HashMap<u64, [u32; BLOCK]>,
}

impl ByTask {
    pub(super) fn get(&self, task: u64) -> Option<u32> {
        let block = self.blocks.get(&(task / BLOCK as u64))?;
        // CAST: below the length of a block.
        Some(block[(task % BLOCK as u64) as usize]).filter(|number| *number != NONE)
    }

    /// Sets the number of a task; the largest stands for none.
    pub(super) fn set(&mut self, task: u64, number: u32) {
        let block = self.blocks.entry(task / BLOCK as u64).or_insert([NONE; BLOCK]);
        // CAST: as above.
        block[(task % BLOCK as u64) as usize] = number;
    }
}
