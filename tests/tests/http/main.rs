//! Profiling by HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod flow;
mod limits;
mod router;
mod safety;
mod service;
mod storm;
mod upstream;
