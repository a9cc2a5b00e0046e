//! Records with everything enabled on a given disk, and checks the artifacts.
//!
//! ```text
//! disks FOLDER          records into FOLDER, with a spool
//! disks FOLDER fill     fills the disk while it records, and frees it again before it recovers
//! ```
//!
//! Prints one line: which artifacts exist, which are missing and why. Fails if a listed artifact is
//! incomplete, if a missing one has no reason, if a partial file is left, or if a kept spool is not
//! recovered.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use std::{env, thread};

use profiler_runtime::artifacts::Manifest;
use profiler_runtime::config::TraceFormat;
use profiler_runtime::memory::{Device, record_alloc};
use profiler_runtime::spool::recover;
use profiler_runtime::{ProfilerConfig, profiled_op, profiled_step, start_profile_with, stop_profile};

#[profiled_op("linear", shapes(x))]
fn linear(x: &[f32]) -> f32 {
    record_alloc(Device::Cpu, 1 << 20, 4096);
    x.iter().sum()
}

#[profiled_step("denoise_step")]
fn denoise_step(x: &[f32]) -> f32 {
    (0..100).map(|_| linear(x)).sum()
}

/// Records for some seconds, in which the spool is synced to the disk several times.
fn work(seconds: u64) {
    let threads = [(); 3].map(|()| {
        thread::spawn(move || {
            for _ in 0..seconds * 20 {
                std::hint::black_box(denoise_step(&[1.0; 64]));
                thread::sleep(Duration::from_millis(50));
            }
        })
    });
    threads.into_iter().for_each(|thread| drop(thread.join()));
}

/// Fills the disk.
fn fill(path: &Path) {
    let Ok(mut file) = File::create(path) else { return };
    for size in [1 << 20, 1 << 12, 1] {
        while file.write_all(&vec![1; size]).and_then(|()| file.sync_data()).is_ok() && size > 1 {}
    }
}

/// Returns the faults of a session's artifacts.
fn faults(manifest: &Manifest) -> Vec<String> {
    let mut faults = Vec::new();
    for artifact in &manifest.artifacts {
        let (mut crc, bytes) = (flate2::Crc::new(), fs::read(&artifact.path).unwrap_or_default());
        crc.update(&bytes);
        if (bytes.len() as u64, crc.sum()) != (artifact.bytes, artifact.crc32) {
            faults.push(format!("`{}` is not what the manifest lists", artifact.path.display()));
        }
    }
    faults.extend(
        manifest.missing.iter().filter(|missing| missing.reason.is_empty()).map(|missing| missing.name.clone()),
    );
    faults
}

/// Returns the number of temporary files that were neither renamed nor deleted.
fn left_behind(folder: &Path) -> usize {
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.filter(|name| name.to_string_lossy().ends_with(".tmp")).count()
}

fn run(folder: &Path, fills: bool) -> Result<String, String> {
    let config = ProfilerConfig::torch(folder)
        .spool(true)
        .trace_format(TraceFormat::Both)
        .torch_profiler_record_shapes(true)
        .torch_profiler_with_memory(true)
        .perf_dump_path(folder.join(format!("dump-{}.json", std::process::id())));
    if let Err(error) = start_profile_with(config) {
        return Ok(format!("refused: {error}"));
    }
    work(2);
    let filler = folder.join("filler");
    if fills {
        fill(&filler);
        work(4);
    }
    let stopped = stop_profile().map_err(|error| error.to_string())?;
    let manifest = stopped.wait().map_err(|error| error.to_string())?;
    let mut faults = faults(&manifest);
    let can_delete = !manifest.warnings.iter().any(|warning| warning.contains("delete files"));
    let left = stopped.folder().map_or(0, left_behind);
    faults.extend((left > 0 && can_delete).then(|| format!("{left} partial files are left")));
    let _ = fs::remove_file(&filler);
    let recovered = recover(folder).map_err(|error| error.to_string())?;
    let has_spool = !manifest.warnings.iter().any(|warning| warning.starts_with("`spool` is off"));
    let expected = usize::from(!manifest.errors.is_empty() && fills && has_spool);
    if recovered.sessions.len() < expected {
        faults.push(format!("the kept spool is not recovered: {:?}", recovered.failed));
    }
    if let Some(fault) = faults.first() {
        return Err(fault.clone());
    }
    Ok(format!(
        "{} artifacts, {} errors, {} ranges lost, {} recovered, warnings: {:?}",
        manifest.artifacts.len(),
        manifest.errors.len(),
        manifest.ranges_lost,
        recovered.sessions.len(),
        manifest.warnings,
    ))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [folder] => run(Path::new(folder), false),
        [folder, "fill"] => run(Path::new(folder), true),
        _ => Err("usage: disks FOLDER [fill]".to_owned()),
    };
    match result {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("WRONG: {fault}");
            ExitCode::FAILURE
        }
    }
}
