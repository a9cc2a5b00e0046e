//! Atomic output: a file is written completely or not at all, whatever exists at its path. This is
//! the only room of `export` that does file I/O.
//!
//! ```text
//! sink         writes a file atomically, counted and checksummed        ─ gzip (compresses on several cores)
//! target       what exists at the path: a file, link, device or pipe    ─ outlet (writes into devices and pipes)
//! second_name  adds a hard link or a copy of a file in another folder
//! mount        detects missing operations of the file system before the session
//! ```

mod gzip;
pub(super) mod mount;
#[allow(unsafe_code)]
pub mod outlet;
pub(super) mod second_name;
pub(super) mod sink;
pub(super) mod target;
