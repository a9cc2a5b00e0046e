//! Scripted recordings for the golden tests: `golden SCENARIO FOLDER`.
//!
//! Runs with the double of libc whose clock stands still (`still_double`): time passes only when a
//! scenario calls `pass`. Scenarios use only the profiler's public interface, so that their
//! artifacts do not change when its internals do.
//!
//! Artifacts show lines of these files: whoever adds or removes one runs the golden tests with
//! `PROFILER_GOLDEN=write`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod gpu;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod memory;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod ranges;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod script;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod sessions;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod stacks;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod tasks;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn main() {
    let mut arguments = std::env::args().skip(1);
    let (scenario, folder) = (arguments.next().expect("a scenario"), arguments.next().expect("a folder"));
    let folder = std::path::Path::new(&folder);
    match scenario.as_str() {
        "nesting" => ranges::nesting(folder, false),
        "nesting_gzip" => ranges::nesting(folder, true),
        "crossing" => ranges::crossing(folder),
        "cpu_time" => ranges::cpu_time(folder),
        "requests" => tasks::requests(folder),
        "nvtx" => tasks::nvtx(folder),
        "tasks" => tasks::tasks(folder, false),
        "tasks_spool" => tasks::tasks(folder, true),
        "ring" => sessions::ring(folder),
        "schedule" => sessions::schedule(folder),
        "selection" => sessions::selection(folder),
        "losses" => sessions::losses(folder),
        "timings" => sessions::timings(folder),
        "rank" => sessions::rank(folder),
        "merge" => sessions::merge(folder),
        "spool" => sessions::spool(folder, false),
        "spool_ring" => sessions::spool(folder, true),
        "recover" => sessions::recover(folder),
        "cupti" => gpu::cupti(folder),
        "cupti_names" => gpu::renamed(folder),
        "cupti_alone" => gpu::alone(folder),
        "events" => gpu::events(folder),
        "capture" => gpu::capture(folder),
        "memory" => memory::memory(folder),
        "stacks" => stacks::stacks(folder),
        "spool_stacks" => stacks::killed(folder),
        "arguments" => arguments::arguments(folder),
        "spool_arguments" => arguments::killed(folder),
        other => panic!("no scenario `{other}`"),
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn main() {
    panic!("the double of libc is for Linux on x86-64");
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod arguments;
