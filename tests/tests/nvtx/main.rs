//! Tools that are attached through NVTX. Each scenario is a process of its own, because a process
//! looks for a tool once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod missing;
mod nvtx_support;
mod tool;
