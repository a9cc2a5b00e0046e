//! Records two ranks of a job and merges their traces, for `consumers/check.py`: `two_ranks DIR`
//! prints the session's folder.
//!
//! The GPU is a double. `trace_merged.json` is in the folder of the ranks' traces.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[cfg(target_os = "linux")]
#[path = "../tests/job/merge_support/mod.rs"]
mod merge_support;

#[cfg(target_os = "linux")]
fn main() {
    use profiler_runtime::merge::{MergeOptions, merge};

    if profiler_tests::in_child() {
        return merge_support::work();
    }
    let folder = std::env::args_os().nth(1).expect("usage: two_ranks DIR");
    let session = merge_support::run_two_ranks(folder.as_ref());
    let merged = merge(&[&session], session.join("trace_merged.json"), &MergeOptions::default()).unwrap();
    for rank in &merged.ranks {
        println!("rank {}: {} events, {} ns, ± {:?} ns", rank.rank, rank.events, rank.offset_ns, rank.uncertainty_ns);
    }
    println!("{}", session.display());
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("the doubles of the GPU are for Linux");
}
