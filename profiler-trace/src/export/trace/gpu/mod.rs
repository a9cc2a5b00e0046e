//! What both trace formats show of a device, under the same names: its rows, and how full a kernel makes it.

pub(super) mod occupancy;
pub(super) mod row;
