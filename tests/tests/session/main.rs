//! Recordings of sessions: ranges of every kind, from start to stop.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod arguments;
mod async_ranges;
mod async_truth;
#[cfg(any(target_os = "linux", target_os = "macos"))]
mod cpu_time;
mod crossing;
mod flops_failed;
mod labels;
mod ledger;
mod lifecycle;
mod request_scope;
mod ring;
mod schedule;
mod selection;
mod shapes;
mod timing;
