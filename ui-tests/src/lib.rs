//! A runtime that writes down what the attributes tell it, for the cases in `tests/pass`.
//!
//! The real runtime shows a range only in the artifacts of a session. A case that asks when a range begins and ends, or
//! what a call tells about itself, names this one instead: `#[profiled_stage(crate = profiler_ui_tests::notebook)]`.
//! Its `__private` is all that generated code may use, so it is also the contract of the macros, in full.

pub mod notebook;
