//! Artifacts of sessions, as a program sees them: files and their names, traces, tables, call
//! stacks, and readers of all of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod agreement;
mod agreement_support;
mod any_input;
mod manifest;
mod memory_absent;
mod names;
#[cfg(target_os = "linux")]
mod output_paths;
mod stacks;
mod tables;
mod trace_format;
