//! What one span costs: ours beside the peers', measured in one run.
//!
//! `cargo bench -p profiler-benches` prints the tables of `docs/costs.md`. Every sample is taken
//! in a fresh child process, because most profilers are one global state per process; the children
//! of all subjects take turns, round after round, so that a noisy machine favours none of them. A
//! subject that cannot show that it recorded is an error: nothing is ever compared with a no-op.
//!
//! This library knows no peer. The peers are dev-dependencies of the bench targets (`subjects/`),
//! so that building or testing the workspace builds none of them.

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

/// Every failure of a bench is a sentence for the person who ran it.
pub type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;
