//! Reports which GPU components are installed, how to fix what is missing, and how to record a
//! program with Nsight Systems.
//!
//! ```text
//! cargo run --example doctor
//! ```

#![allow(clippy::print_stdout)]

fn main() {
    println!("{}", profiler_runtime::doctor::diagnose());
}
