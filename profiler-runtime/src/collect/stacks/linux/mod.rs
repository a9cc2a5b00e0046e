//! What only Linux has: the loader tells what lies where, and its tables and files are read by us.

mod code;
pub(super) mod files;
mod loaded;
pub(super) mod names;
pub(crate) mod noted;
pub(super) mod walk;
