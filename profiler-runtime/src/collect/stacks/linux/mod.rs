//! What only Linux has: the loader tells what lies where, and its tables and files are read by us.

mod code;
pub(crate) mod known_libraries;
mod loaded;
pub(super) mod names;
pub(super) mod offline;
pub(super) mod walk;
