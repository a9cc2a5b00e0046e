//! Hooks: receivers of ranges other than the thread's stream.

pub mod correlation;
pub mod cpu_time;
pub mod gpu_time;
pub mod stack;
pub mod steps;
pub mod tool;
pub mod warning;
