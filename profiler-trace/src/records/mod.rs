//! Records of every source other than our own ranges: plain data, independent of the libraries that
//! it came from.
//!
//! The runtime fills these types; `model` and `export` read them. Where a source has no records,
//! [`unavailable::Unavailable`] says why.

pub mod device;
pub mod events;
pub mod frames;
pub mod gpu;
pub mod host_clock;
pub mod unavailable;
