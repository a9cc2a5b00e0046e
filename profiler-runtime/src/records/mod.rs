//! What the sources beside our own ranges have recorded: plain data, without the libraries that it came from.
//!
//! `collect` makes it, `model` and `export` read it. Whatever has no record says why ([`unavailable::Absent`]).

pub(crate) mod events;
pub(crate) mod frames;
pub(crate) mod gpu;
pub(crate) mod host_clock;
pub(crate) mod unavailable;
