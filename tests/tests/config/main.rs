//! The configuration and its sources.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod any_input;
mod args;
mod fields;
mod in_code;
mod sources;
