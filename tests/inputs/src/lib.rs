//! Readers of untrusted bytes. Each is a function that takes any bytes and must not panic.
//!
//! `tests/proofs.sh fuzz` calls them by libFuzzer, with the inputs that it finds. In `cargo test`,
//! `tests/tests/any_input.rs` calls them with generated inputs and with the kept inputs of
//! `tests/fuzz/corpus`.

#![allow(clippy::expect_used, clippy::panic, reason = "a panic is how a reader fails")]

mod config;
mod http;
mod job;
mod merge;
mod spool;

pub use config::config;
pub use http::http;
pub use job::coordinator;
pub use merge::merge;
pub use spool::{journal, ranges_of_the_usual_spool, recover};

/// Returns a folder that is gone afterwards: in memory where that is possible, because what
/// recovers or merges waits for the disk.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder")
}
