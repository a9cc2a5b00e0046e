//! Wan2.2 image-to-video: generates a video from a picture and a prompt, and shows where the time
//! went.
//!
//! ```text
//! cargo run --release --example wan_i2v
//! cargo run --release --example wan_i2v -- --image in.png --prompt "A cat playing with yarn" --output cat.gif
//! cargo run --release --example wan_i2v -- --profiler-config '{"profiler":"torch","torch_profiler_dir":"./perf"}'
//! cargo run --release --example wan_i2v -- --model Wan2.2-I2V-A14B-Diffusers --image in.png --profile
//! cargo run --release --example wan_i2v -- --help
//! ```
//!
//! The model is in this package's library, with its functions annotated. This program starts a
//! session before it loads the model, and ends it after it has saved the video.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use profiler_examples::cli::Cli;
use profiler_examples::wan::Pipeline;
use profiler_examples::{Progress, chain, device, profiling, wait_for_artifacts};
use profiler_runtime::ProfileGuard;
use profiler_runtime::artifacts::Manifest;
use profiler_runtime::memory::ProfilingAllocator;

/// Records allocations for `torch_profiler_with_memory`. Blocks of less than a kilobyte are left
/// out: tensors are larger, and the many small blocks would fill the trace.
#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::new().at_least(1024);

fn main() -> ExitCode {
    profiling::show_warnings();
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            warn(format_args!("error: {}", chain(&error)));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> profiler_examples::Result<()> {
    let job = cli.job()?;
    let (request, frames) = (&job.request, job.request.frames());
    if frames != request.num_frames {
        warn(format_args!(
            "note: making {frames} frames, not {}: the VAE takes groups of 4 and one",
            request.num_frames
        ));
    }
    let device = device()?;
    let usual = cli.usual_profile();
    let profile = profiling::start(cli.profiler, usual).unwrap_or_else(|error| {
        warn(format_args!("warning: running without the profiler: {error}"));
        None
    });
    let pipeline = Pipeline::load(&job.source, &device)?;
    let mut progress = Progress::new(request.num_inference_steps);
    {
        let _request = profiler_runtime::request(&request_id());
        pipeline.run(request, &job.picture, &job.output, &mut progress)?;
    }
    say(format_args!("video: {}", job.output.path().display()));
    match profile.and_then(ProfileGuard::stop).map(|stopped| wait_for_artifacts(&stopped)) {
        Some(Ok(manifest)) => show(&manifest),
        Some(Err(error)) => warn(format_args!("warning: the profile is lost: {error}")),
        None => {}
    }
    Ok(())
}

/// Returns a unique name for this run, because `--profile` names its traces by the request, in a
/// folder that all runs share.
fn request_id() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("wan_i2v_{:x}_{}", since.as_micros(), std::process::id())
}

/// Prints where the time went, what is missing, and where the artifacts are.
fn show(manifest: &Manifest) {
    for line in &manifest.pipeline_lines {
        say(format_args!("{line}"));
    }
    say(format_args!("\n{}", manifest.summary().for_terminal()));
}

/// Prints a line to stdout. Ignores errors, so that the work continues when the reader is gone, as
/// with `| head`.
fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Prints a line to stderr.
fn warn(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}
