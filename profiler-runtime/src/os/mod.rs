//! What differs between operating systems: shared libraries, the host's clocks, and the end of the process.

pub(crate) mod host_clock;
pub(crate) mod library;
pub(crate) mod shutdown;
