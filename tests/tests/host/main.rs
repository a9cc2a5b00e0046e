//! The profiled program behaves as it would without the profiler, however it ends, forks, logs or
//! is built, and whatever fails beneath it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[cfg(target_os = "linux")]
mod clocks;
#[cfg(unix)]
mod ending;
mod exit;
#[cfg(target_os = "linux")]
mod forks;
#[cfg(target_os = "linux")]
mod hard_disks;
mod host_logger;
#[cfg(target_os = "linux")]
mod plugins;
mod silence;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod small_stacks;
#[cfg(target_os = "linux")]
mod system_support;
