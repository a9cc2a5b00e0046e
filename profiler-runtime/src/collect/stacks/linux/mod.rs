//! Walks stacks and resolves functions with what only Linux offers: the loader's list of code in
//! memory, and ELF files.

mod code;
pub(crate) mod known_libraries;
mod loaded;
pub(super) mod names;
pub(super) mod offline;
pub(super) mod walk;
