//! Benchmarks of the cost of one span, compared with other profilers in one run.
//!
//! `cargo bench -p profiler-benches` prints the tables of `docs/costs.md`. Each sample is taken in
//! a new child process, because most profilers have one global state per process. The subjects
//! alternate within each round, so that a noisy machine favours none. A subject that cannot prove
//! that it recorded is an error, so nothing is compared with a no-op.
//!
//! This library does not depend on the other profilers. They are dev-dependencies of the bench
//! targets (`subjects/`), so building or testing the workspace does not build them.

pub mod arguments;
pub mod child;
pub mod kernel_time;
pub mod measure;
pub mod memory;
pub mod report;
pub mod rounds;
pub mod scenario;
pub mod subject;
pub mod table;
pub mod workload;

/// Result of a bench; errors are sentences for the user.
pub type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;
