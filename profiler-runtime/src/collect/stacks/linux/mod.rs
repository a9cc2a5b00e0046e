//! The parts that only Linux has: the loader lists the code in memory, and we read its tables and
//! files.

mod code;
pub(crate) mod known_libraries;
mod loaded;
pub(super) mod names;
pub(super) mod offline;
pub(super) mod walk;
