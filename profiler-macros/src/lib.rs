//! The attributes of `profiler-runtime`.
