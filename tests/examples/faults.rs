//! Ends in every way while it records, and checks what is left of the recording.
//!
//! ```text
//! faults record FOLDER ENDING [MODE]   records into FOLDER, and ends by ENDING
//! faults recover FOLDER                makes the artifacts of what such programs left
//! faults matrix [DISK=FOLDER…]         ends in every way, in every mode, with and without the profiler's
//!                                      allocator, on every disk, and checks status, artifacts and
//!                                      counts; the files of a DISK may be corrupt
//! ```
//!
//! Endings are return, exit, panic, abort, fault, term, hup, quit, xcpu (which write artifacts),
//! and _exit, exec and kill (which do not). Modes are memory, ring, spool (the default) and
//! spool-ring. The panic strategy is that of the build.

#![cfg(unix)]
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, ExitCode, Stdio};
use std::{env, thread};

use profiler_runtime::memory::ProfilingAllocator;
use profiler_runtime::spool::recover;
use profiler_runtime::{ProfilerConfig, profiled_op, profiled_stage, profiled_step, start_profile_with};
use profiler_tests::processes::Ended;
use profiler_tests::{Trace, manifest};

#[global_allocator]
static ALLOCATOR: ProfilingAllocator = ProfilingAllocator::new();

const ENDINGS: [&str; 12] =
    ["return", "exit", "panic", "abort", "fault", "term", "hup", "quit", "xcpu", "_exit", "exec", "kill"];
/// Endings that the profiler cannot intercept.
const SILENT: [&str; 3] = ["_exit", "exec", "kill"];
const MODES: [&str; 4] = ["memory", "ring", "spool", "spool-ring"];
const STEPS: u64 = 20;
const THREADS: u64 = 2;
const STAGES: u64 = 200;
const OPS: u64 = 8;
/// Number of ranges that a program records.
const EXPECTED_RANGES: u64 = STEPS * (2 + OPS) + THREADS * STAGES * (1 + OPS);

#[profiled_op("linear", shapes(x), flops = 2 * x.len())]
fn linear(x: &[f32]) -> f32 {
    x.iter().sum()
}

#[profiled_stage("transformer.forward")]
fn forward(x: &[f32]) -> f32 {
    (0..OPS).map(|_| linear(x)).sum()
}

#[profiled_step("denoise_step")]
fn denoise_step(x: &[f32]) -> f32 {
    forward(x)
}

fn record(folder: &str, ending: &str, mode: &str, with_memory: bool) -> ExitCode {
    let config = ProfilerConfig::torch(folder)
        .spool(mode.starts_with("spool"))
        .ring(mode.ends_with("ring"))
        .torch_profiler_record_shapes(true)
        .torch_profiler_with_flops(true)
        .torch_profiler_with_memory(with_memory);
    if let Err(error) = start_profile_with(config) {
        eprintln!("{error}");
        return ExitCode::from(77);
    }
    let input = [1.0; 64];
    let others =
        [(); THREADS as usize].map(|()| thread::spawn(move || (0..STAGES).map(|_| forward(&input)).sum::<f32>()));
    std::hint::black_box((0..STEPS).map(|_| denoise_step(&input)).sum::<f32>());
    others.into_iter().for_each(|thread| drop(thread.join()));
    end(ending)
}

fn end(ending: &str) -> ExitCode {
    match ending {
        "return" => {}
        "exit" => process::exit(0),
        "panic" => panic!("as it was told to"),
        "abort" => process::abort(),
        // SAFETY: not sound: this program tests what happens then.
        "fault" => unsafe { std::ptr::without_provenance_mut::<u8>(4096).write_volatile(1) },
        // SAFETY: ends the process without running any code of it.
        "_exit" => unsafe { libc::_exit(0) },
        "exec" => drop(Command::new("true").exec()),
        signal => {
            let signal = format!("-{}", signal.to_uppercase());
            let sent = Command::new("kill").args([signal, process::id().to_string()]).status();
            eprintln!("kill: {sent:?}");
            thread::sleep(std::time::Duration::from_secs(30));
        }
    }
    ExitCode::SUCCESS
}

/// Returns the expected end of the process.
fn expected(ending: &str) -> Ended {
    match ending {
        "panic" if cfg!(panic = "unwind") => Ended::Exit(101),
        "panic" | "abort" => Ended::Signal(libc::SIGABRT),
        "fault" => Ended::Signal(libc::SIGSEGV),
        "term" => Ended::Signal(libc::SIGTERM),
        "hup" => Ended::Signal(libc::SIGHUP),
        "quit" => Ended::Signal(libc::SIGQUIT),
        "xcpu" => Ended::Signal(libc::SIGXCPU),
        "kill" => Ended::Signal(libc::SIGKILL),
        _ => Ended::Exit(0),
    }
}

/// Runs a program to its end; returns the first fault in what it leaves behind.
fn attempt(folder: &Path, ending: &str, mode: &str, memory: &str, is_sound: bool) -> Result<(), String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let mut child = Command::new(program);
    child.args(["record".as_ref(), folder.as_os_str(), ending.as_ref(), mode.as_ref(), memory.as_ref()]);
    let status = child.stdout(Stdio::null()).stderr(Stdio::null()).env("PROFILER_LOG", "off").status();
    let ended = Ended::from(status.map_err(|error| error.to_string())?);
    // An unsound disk may refuse the session, which the program reports.
    if ended == Ended::Exit(77) && !is_sound {
        return Ok(());
    }
    if ended != expected(ending) {
        return Err(format!("ended by {ended:?}"));
    }
    let recovered = recover(folder).map_err(|error| error.to_string())?;
    if is_sound && !recovered.failed.is_empty() {
        return Err(format!("{:?}", recovered.failed));
    }
    let sessions = sessions(folder);
    if !is_sound {
        return sessions.iter().try_for_each(|session| check_artifacts(session));
    }
    let is_recovered = SILENT.contains(&ending) && mode.starts_with("spool");
    let is_written = !SILENT.contains(&ending) || is_recovered;
    if (sessions.len(), recovered.sessions.len()) != (usize::from(is_written), usize::from(is_recovered)) {
        return Err(format!("{} sessions, {} recovered", sessions.len(), recovered.sessions.len()));
    }
    sessions.iter().try_for_each(|session| {
        check_artifacts(session)?;
        let trace = Trace::read(session);
        let shown = trace.json["profiler"]["ranges"].as_u64().unwrap_or(0);
        if shown + trace.losses("missing") == EXPECTED_RANGES {
            Ok(())
        } else {
            Err(format!("{shown} ranges of {EXPECTED_RANGES}"))
        }
    })
}

/// Returns the folders that have a manifest.
fn sessions(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|folder| folder.join("manifest_rank0.json").exists()).collect()
}

/// Checks that every artifact that the manifest lists is complete.
fn check_artifacts(session: &Path) -> Result<(), String> {
    let manifest = manifest(session);
    for artifact in manifest["artifacts"].as_array().into_iter().flatten() {
        let name = artifact["name"].as_str().unwrap_or("");
        let bytes = fs::metadata(session.join(name)).map_err(|error| format!("{name}: {error}"))?.len();
        if name != "manifest_rank0.json" && Some(bytes) != artifact["bytes"].as_u64() {
            return Err(format!("{name} has {bytes} bytes, not {}", artifact["bytes"]));
        }
    }
    Ok(())
}

fn matrix(disks: &[&str]) -> ExitCode {
    let own = tempfile::tempdir().unwrap();
    let others = disks.iter().filter_map(|disk| disk.split_once('='));
    let disks: Vec<(&str, PathBuf, bool)> = [("sound", own.path().to_owned(), true)]
        .into_iter()
        .chain(others.map(|(name, folder)| (name, PathBuf::from(folder), false)))
        .collect();
    let (mut cases, mut wrong) = (0, 0);
    for (disk, folder, is_sound) in &disks {
        for (mode, memory) in MODES.iter().flat_map(|mode| ["system", "profiling"].map(|memory| (mode, memory))) {
            for ending in ENDINGS {
                let place = folder.join(format!("{ending}-{mode}-{memory}"));
                cases += 1;
                if let Err(what) = attempt(&place, ending, mode, memory, *is_sound) {
                    wrong += 1;
                    println!("WRONG  {ending}, {mode}, {memory} allocator, {disk} disk: {what}");
                }
                let _ = fs::remove_dir_all(&place);
            }
        }
    }
    let strategy = if cfg!(panic = "unwind") { "unwind" } else { "abort" };
    println!("panics {strategy}, {} disks: {cases} ends, {wrong} wrong", disks.len());
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["record", folder, ending] => record(folder, ending, "spool", false),
        ["record", folder, ending, mode, memory] => record(folder, ending, mode, memory == "profiling"),
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
        ["matrix", ref disks @ ..] => matrix(disks),
        _ => {
            eprintln!(
                "usage: faults record FOLDER ENDING [MODE system|profiling], faults recover FOLDER, faults matrix [DISK=FOLDER…]"
            );
            ExitCode::FAILURE
        }
    }
}
