//! Recordings in a file, which outlive their process.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod faults;
mod killed;
mod recovered;
mod room;
