//! What both trace formats show under the same names: rows, processes, words, memory, and how full a kernel makes a device.

pub(super) mod api_calls;
pub(super) mod keys;
pub(super) mod memory;
pub(super) mod occupancy;
pub(super) mod processes;
pub(super) mod rows;
