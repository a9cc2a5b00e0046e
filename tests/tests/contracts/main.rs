//! Output that others parse, compared with `tests/contracts`, `tests/golden` and the published
//! schemas.
//!
//! A binary of its own, because it has the profiler's allocator, so a session shows everything.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(target_os = "linux")]
mod contracts_support;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod golden;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod golden_support;
mod schema_support;
mod schemas;
#[cfg(target_os = "linux")]
mod strings;

use profiler_runtime::memory::ProfilingAllocator;

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::new();
