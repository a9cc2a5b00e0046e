//! A plugin: annotated code with a runtime of its own behind C functions, loaded by Rust and Python
//! programs.
//!
//! Functions that can fail return 0 if they did not.

use std::ffi::{CStr, c_char, c_int};
use std::path::Path;
use std::thread;
use std::time::Duration;

use profiler_runtime::site::sites;
use profiler_runtime::{ProfilerConfig, profiled_op, profiled_step, start_profile_with, stop_profile};

#[profiled_op]
fn plugin_op() {}

#[profiled_step]
fn plugin_iteration() {
    plugin_op();
}

/// Starts a session that writes into this folder.
///
/// # Safety
///
/// The text ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plugin_start(folder: *const c_char) -> c_int {
    // SAFETY: the caller passes a C string.
    let folder = unsafe { CStr::from_ptr(folder) }.to_string_lossy();
    c_int::from(start_profile_with(ProfilerConfig::torch(Path::new(&*folder))).is_err())
}

/// Records `iterations` iterations.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_work(iterations: c_int) -> c_int {
    (0..iterations).for_each(|_| plugin_iteration());
    0
}

/// Records an iteration on a thread that never ends.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_spawn() -> c_int {
    let (done, waits) = std::sync::mpsc::channel();
    let work = move || {
        plugin_iteration();
        let _ = done.send(());
        loop {
            thread::sleep(Duration::from_millis(1));
        }
    };
    c_int::from(thread::Builder::new().spawn(work).is_err() || waits.recv().is_err())
}

/// Ends the session and waits for its artifacts.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_stop() -> c_int {
    c_int::from(stop_profile().and_then(|stopped| stopped.wait()).is_err())
}

/// Returns the number of sites, but at most a thousand.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_sites() -> c_int {
    // CAST: at most a thousand.
    sites().take(1000).count() as c_int
}
