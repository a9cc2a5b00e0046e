//! A double of the runtime that records the calls of generated code, for the cases in `tests/pass`.
//!
//! The real runtime shows ranges only in a session's artifacts. A case that checks when a range
//! begins and ends, or how a call is described, uses this double instead:
//! `#[profiled_stage(crate = profiler_ui_tests::notebook)]`. Its `__private` has exactly the names
//! that generated code may use, so it is also the macros' contract.

pub mod notebook;
