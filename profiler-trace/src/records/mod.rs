//! What the sources beside our own ranges have recorded: plain data, without the libraries that it
//! came from.
//!
//! The runtime makes it, `model` and `export` read it. A missing record has a reason
//! ([`unavailable::Unavailable`]).

pub mod device;
pub mod events;
pub mod frames;
pub mod gpu;
pub mod host_clock;
pub mod unavailable;
