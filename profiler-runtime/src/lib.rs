//! Profiling for Rust inference pipelines.
