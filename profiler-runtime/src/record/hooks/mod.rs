//! Hooks: whom a range is shown to beside its thread's stream.

pub(crate) mod correlation;
pub(crate) mod cpu_time;
pub(crate) mod gpu_time;
pub(crate) mod stack;
pub(crate) mod steps;
pub(crate) mod tool;
pub(crate) mod warning;
