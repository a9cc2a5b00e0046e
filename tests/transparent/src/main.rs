//! Functions of every form in Rust, each called with every possible end. The program prints the
//! effects.
//!
//! The test `transparent` of `profiler-tests` builds this program twice, unchanged and with
//! comments in place of the attributes, and compares the two outputs and the messages of rustc and
//! clippy. Therefore every lint is enabled, and many functions cause one. With a folder as its
//! argument, the program records itself into it.

#![warn(rust_2018_idioms, unused, future_incompatible, keyword_idents, let_underscore)]
#![warn(single_use_lifetimes, trivial_casts, trivial_numeric_casts, unit_bindings, unreachable_pub)]
#![warn(unused_qualifications, unused_lifetimes, redundant_lifetimes, variant_size_differences)]
#![warn(clippy::all, clippy::pedantic, clippy::cognitive_complexity, clippy::large_stack_frames)]
#![warn(clippy::needless_pass_by_ref_mut, clippy::shadow_unrelated, clippy::unwrap_used)]

mod asyncs;
mod attributes;
mod bodies;
mod fragments;
mod futures;
mod lints;
mod parameters;
mod returns;
mod story;
mod traits;

use std::env;
use std::error::Error;

/// Runs all stories, in a session if there is a folder for it.
fn main() -> Result<(), Box<dyn Error>> {
    story::report_panics();
    let Some(folder) = env::args_os().nth(1) else {
        run();
        return Ok(());
    };
    let config = profiler_runtime::ProfilerConfig::torch(folder)
        .torch_profiler_record_shapes(true)
        .torch_profiler_with_flops(true);
    profiler_runtime::start_profile_with(config)?;
    run();
    profiler_runtime::stop_profile()?.wait()?;
    Ok(())
}

fn run() {
    parameters::run();
    asyncs::run();
    bodies::run();
    returns::run();
    futures::run();
    traits::run();
    attributes::run();
    fragments::run();
    lints::run();
}
