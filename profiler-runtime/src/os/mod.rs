//! Wraps operating system services behind one interface for every platform: shared libraries,
//! mapped files, host clocks, and the end of the process.

pub(crate) mod host;
pub(crate) mod library;
pub(crate) mod mapping;
pub(crate) mod own_file;
pub(crate) mod shutdown;
