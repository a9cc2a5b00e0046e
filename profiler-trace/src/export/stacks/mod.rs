//! Where the time went by call stack: folded to one line a stack (`stacks_*_rank*.txt`), and drawn (`flame_*_rank*.svg`).
//!
//! `plan` folds once and gives both writers the same stacks.

pub(super) mod flame;
pub(super) mod folded;
