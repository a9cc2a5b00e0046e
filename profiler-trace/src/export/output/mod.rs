//! Writing a file whole or not at all, whatever stands under its path: the only room of `export`
//! that knows files.
//!
//! ```text
//! sink         a file that appears when it is whole, counted and checksummed ─ gzip (compressed on several cores)
//! target       what stands under the path: a file, a link, a device, a pipe  ─ outlet (writing into the last two)
//! second_name  a hard link or a copy of what was written, in another folder
//! mount        what the file system cannot do, found out before the session
//! ```

mod gzip;
pub(super) mod mount;
#[allow(unsafe_code)]
pub mod outlet;
pub(super) mod second_name;
pub(super) mod sink;
pub(super) mod target;
