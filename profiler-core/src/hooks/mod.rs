//! Hooks: receivers of a range besides its thread's stream.

pub mod correlation;
pub mod cpu_time;
mod forked;
pub mod gpu_time;
pub mod stack;
pub mod steps;
pub mod tool;
pub mod warning;
