//! Wan2.2 image-to-video: makes a video from a picture and a prompt.
//!
//! ```text
//! cargo run --release --example wan_i2v
//! cargo run --release --example wan_i2v -- --image in.png --prompt "A cat playing with yarn" --output cat.gif
//! cargo run --release --example wan_i2v -- --model Wan2.2-I2V-A14B-Diffusers --image in.png
//! cargo run --release --example wan_i2v -- --help
//! ```
//!
//! The model is in the library beside this file; this is only the program around it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to its user")]

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use profiler_examples::cli::Cli;
use profiler_examples::wan::Pipeline;
use profiler_examples::{Progress, device};

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> profiler_examples::Result<()> {
    let job = cli.job()?;
    let (request, frames) = (&job.request, job.request.frames());
    if frames != request.num_frames {
        eprintln!("note: making {frames} frames instead of {}: the VAE takes groups of 4 and one", request.num_frames);
    }
    let pipeline = Pipeline::load(&job.source, &device()?)?;
    let mut progress = Progress::new(request.num_inference_steps);
    pipeline.forward(request, &job.picture, &job.output, &mut progress)?;
    println!("video: {}", job.output.path().display());
    Ok(())
}

/// An error and what caused it, on one line.
fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
