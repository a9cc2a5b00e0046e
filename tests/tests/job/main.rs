//! Jobs of several processes: coordinators, workers, ranks, and their merged traces.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(target_os = "linux")]
mod cuda;
#[cfg(target_os = "linux")]
mod cycles;
#[cfg(unix)]
mod door;
#[cfg(unix)]
mod faults;
#[cfg(unix)]
mod frontend;
#[cfg(unix)]
mod job_support;
#[cfg(unix)]
mod leaving;
#[cfg(target_os = "linux")]
mod merge;
#[cfg(target_os = "linux")]
mod merge_support;
mod ranks;
#[cfg(unix)]
#[path = "../contracts/schema_support/mod.rs"]
mod schema_support;
#[cfg(unix)]
mod session;
#[cfg(unix)]
mod triggers;
