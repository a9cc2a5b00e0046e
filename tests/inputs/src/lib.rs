//! Readers of other people's bytes: each is a function that takes any bytes and must not panic.
//!
//! libFuzzer calls them by `tests/proofs.sh fuzz`, with what it has learned;
//! `tests/tests/artifacts/any_input.rs` calls them in `cargo test`, with what it generates and with the kept
//! inputs of `tests/fuzz/corpus`.

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
