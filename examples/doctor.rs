//! Prints what of a GPU and its tools is here, with the remedy for what is not, and how to record a
//! program with Nsight Systems.
//!
//! ```text
//! cargo run --example doctor
//! ```

#![allow(clippy::print_stdout)]

fn main() {
    println!("{}", profiler_runtime::doctor::diagnose());
}
