//! A program that ends badly while it records, and what becomes of its recording: for readers of the artifacts.
//!
//! ```text
//! faults record FOLDER ENDING    records into a spool in FOLDER, and ends by ENDING: kill, term, exit, abort or fault
//! faults recover FOLDER          makes the artifacts of what such programs left
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;
use std::{env, process, thread};

use profiler_runtime::{ProfilerConfig, profiled_op, profiled_stage, profiled_step, recover, start_profile_with};

#[profiled_op("linear", shapes(x), flops = 2 * x.len())]
fn linear(x: &[f32]) -> f32 {
    x.iter().sum()
}

#[profiled_stage("transformer.forward")]
fn forward(x: &[f32]) -> f32 {
    (0..8).map(|_| linear(x)).sum()
}

#[profiled_step("denoise_step")]
fn denoise_step(x: &[f32]) -> f32 {
    forward(x)
}

fn record(folder: &str, ending: &str) -> ExitCode {
    let config =
        ProfilerConfig::torch(folder).spool(true).torch_profiler_record_shapes(true).torch_profiler_with_flops(true);
    if let Err(error) = start_profile_with(config) {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    let input = [1.0; 64];
    let others = [(); 2].map(|()| thread::spawn(move || (0..200).map(|_| forward(&input)).sum::<f32>()));
    std::hint::black_box((0..20).map(|_| denoise_step(&input)).sum::<f32>());
    others.into_iter().for_each(|thread| drop(thread.join()));
    match ending {
        "exit" => process::exit(0),
        "abort" => process::abort(),
        // SAFETY: it is not; what happens then is what this program is for.
        "fault" => unsafe { std::ptr::without_provenance_mut::<u8>(4096).write_volatile(1) },
        signal => {
            let signal = format!("-{}", signal.to_uppercase());
            let sent = process::Command::new("kill").args([signal, process::id().to_string()]).status();
            eprintln!("kill: {sent:?}");
            thread::sleep(std::time::Duration::from_secs(30));
        }
    }
    ExitCode::FAILURE
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["record", folder, ending] => record(folder, ending),
        ["recover", folder] => match recover(folder) {
            Ok(recovered) if recovered.failed.is_empty() => {
                println!("{} recovered", recovered.sessions.len());
                ExitCode::SUCCESS
            }
            outcome => {
                eprintln!("{outcome:?}");
                ExitCode::FAILURE
            }
        },
        _ => {
            eprintln!("usage: faults record FOLDER kill|term|exit|abort|fault, faults recover FOLDER");
            ExitCode::FAILURE
        }
    }
}
