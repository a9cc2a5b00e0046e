//! What both trace formats show of a device, under the same names: its rows, its work's names, and how full a
//! kernel makes it.

pub(super) mod names;
pub(super) mod occupancy;
pub(super) mod row;
