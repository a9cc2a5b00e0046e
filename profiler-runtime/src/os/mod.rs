//! The differences between operating systems: shared libraries, mapped files, the host's clocks,
//! and the process's end.

pub(crate) mod host_clock;
pub(crate) mod library;
pub(crate) mod mapping;
pub(crate) mod own_file;
pub(crate) mod shutdown;
