//! Functions of every shape that Rust has, each called in every way that it can end; prints what
//! happens.
//!
//! The test `transparent` of `profiler-tests` builds this program twice, as it is and with comments
//! in place of the attributes, and compares what the two print and what rustc and clippy say about
//! them. It therefore asks for every lint, and many functions are written to have one. With a
//! folder as its argument the program records itself into it.

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

/// Tells every story, within a session if there is a folder for it.
fn main() -> Result<(), Box<dyn Error>> {
    story::report_panics();
    let Some(folder) = env::args_os().nth(1) else {
        tell();
        return Ok(());
    };
    let config = profiler_runtime::ProfilerConfig::torch(folder)
        .torch_profiler_record_shapes(true)
        .torch_profiler_with_flops(true);
    profiler_runtime::start_profile_with(config)?;
    tell();
    profiler_runtime::stop_profile()?.wait()?;
    Ok(())
}

fn tell() {
    parameters::tell();
    asyncs::tell();
    bodies::tell();
    returns::tell();
    futures::tell();
    traits::tell();
    attributes::tell();
    fragments::tell();
    lints::tell();
}
