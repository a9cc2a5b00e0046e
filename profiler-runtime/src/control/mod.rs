//! Starts and stops sessions and counts iterations, for users and programs.
//!
//! Programs call these functions directly; command-line flags, HTTP, jobs and triggers use them
//! too. This module chooses the configuration; `session` acts on it.

pub mod doctor;
mod guard;
#[cfg(feature = "http")]
pub mod http;
pub mod job;
mod names;
mod options;
mod threads;
mod throttled_log;
mod token;
mod trigger;

use std::sync::{Mutex, PoisonError};

use crate::collect::nvtx;
use crate::config::{IntoConfig, ParsedConfig, ProfilerConfig};
use crate::error::Error;
use crate::logging;
use crate::session::recover::{self, Recovered};
use crate::session::{self, AssignedSession, ExportHandle, SessionId, Status};
use profiler_core::process::PerProcess;

pub use guard::{ProfileGuard, profile_from_env, profile_with};

/// Configuration that [`configure`] has set.
static CONFIGURED: PerProcess<Mutex<Option<ParsedConfig>>> =
    PerProcess::new(|parents| Mutex::new(parents.and_then(|parents| parents.try_lock().ok()?.clone())));

/// Sets the configuration that [`start_profile`] uses from now on, instead of the environment's. An
/// active session keeps its own; the NVTX settings (`nvtx`, `nvtx_domain`) take effect at once.
///
/// # Errors
///
/// Returns [`Error::Config`] with all problems; the earlier configuration is then kept.
pub fn configure(config: impl IntoConfig) -> Result<(), Error> {
    keep(config.into_parsed()?);
    Ok(())
}

/// Stores the configuration for [`start_profile`], triggers and requests.
fn keep(parsed: ParsedConfig) {
    nvtx::configure(&parsed.config);
    *CONFIGURED.lock().unwrap_or_else(PoisonError::into_inner) = Some(parsed);
}

/// Starts a session with the configuration from [`configure`], or else the environment's
/// (`PROFILER_CONFIG`).
///
/// Returns once the session's folder exists, after a few file system calls.
///
/// # Errors
///
/// Returns [`Error::NotConfigured`] if there is no configuration, [`Error::Config`] if the
/// environment's is invalid, [`Error::AlreadyActive`], and [`Error::Folder`] or
/// [`Error::RemoteFolder`] if the artifacts could not be written. The first is also logged, because
/// a program that ignores errors would otherwise run unprofiled without notice.
pub fn start_profile() -> Result<SessionId, Error> {
    enabled()?;
    let parsed = configured()?.ok_or(Error::NotConfigured).inspect_err(|error| logging::warn!("{error}"))?;
    begin(parsed).map(|handle| handle.session().clone())
}

/// Starts a session with the given configuration, built in code or read from flags, a file or a
/// text.
///
/// # Errors
///
/// Returns the errors of [`start_profile`].
pub fn start_profile_with(config: impl IntoConfig) -> Result<SessionId, Error> {
    begin(config.into_parsed()?).map(|handle| handle.session().clone())
}

/// Stops the active session, or returns the one that has ended by itself (`max_iterations`,
/// `active_iterations`, `duration_secs`) since the last stop.
///
/// Seals the recording and returns within milliseconds, whatever its size (0.2 ms for a million
/// ranges); a background thread writes the artifacts. Ranges that are still open on other threads
/// are shown up to this moment.
///
/// ```no_run
/// let artifacts = profiler_runtime::stop_profile()?.wait()?;
/// # Ok::<(), profiler_runtime::Error>(())
/// ```
///
/// # Errors
///
/// Returns [`Error::NotActive`] if there is no such session.
pub fn stop_profile() -> Result<ExportHandle, Error> {
    session::stop()
}

/// Writes the active session's recording so far, as if it were stopped now. Recording goes on. A
/// background thread writes the artifacts into a new folder inside the session's (`dump-1`,
/// `dump-2`, …).
///
/// Returns within milliseconds. Dumps are written one at a time. GPU records are only in the
/// session's own artifacts.
///
/// ```no_run
/// let so_far = profiler_runtime::dump_profile()?.wait()?;
/// # Ok::<(), profiler_runtime::Error>(())
/// ```
///
/// # Errors
///
/// Returns [`Error::NotActive`] without a session, [`Error::Dump`] if it records nothing, has no
/// folder, or is writing another dump, and [`Error::Folder`] if the dump's folder cannot be
/// created.
pub fn dump_profile() -> Result<ExportHandle, Error> {
    session::dump()
}

/// Writes the artifacts of sessions with `spool: true` whose processes have ended without doing so,
/// by any signal or crash. Searches `dir` and its subfolders, so `dir` may be a session's folder or
/// `torch_profiler_dir`.
///
/// The artifacts show everything that a process had stored until its end. A range that was open is
/// shown up to the last entry, and the manifest's `ended_by` is `recovered`. After a power failure,
/// only the data that had reached the disk is left; the spool is synced every second. Blocks until
/// the artifacts are written. Never touches a session whose process is alive. Leaks a few hundred
/// bytes per recovered site, because site names are `'static`. Deletes folders in `dir` that a
/// process of this machine created for itself and left empty.
///
/// Call stacks are resolved with the files on this machine that the code came from: the program and
/// its libraries, recognized by their build ids. Functions of a missing or changed file are shown
/// as `(no symbol)`, and a warning in the manifest names the file. CUPTI's records died with the
/// process. Ranges timed by CUDA events have GPU times if their events had been read.
///
/// # Errors
///
/// Returns [`Error::Folder`] if `dir` cannot be read. [`Recovered::failed`] lists spools that are
/// too damaged.
pub fn recover(dir: impl AsRef<std::path::Path>) -> Result<Recovered, Error> {
    enabled()?;
    recover::recover(dir.as_ref())
}

/// Ends an iteration in a program whose loop has no `#[profiled_step]`. The range `ProfilerStep#N`
/// lasts from one call to the next.
///
/// Does not count while a step site drives the session. Costs one load while no session is active,
/// and about 150 ns while one is.
pub fn next_step() {
    session::step_call();
}

/// Returns the state of the profiler.
#[must_use]
pub fn status() -> Status {
    session::status()
}

/// Returns the configuration to start with; `None` if there is none or it records nothing.
fn configured() -> Result<Option<ParsedConfig>, Error> {
    let set = CONFIGURED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let parsed = match set {
        Some(parsed) => Some(parsed),
        None => ProfilerConfig::from_env()?,
    };
    if let Some(off) = parsed.as_ref().filter(|parsed| parsed.config.is_off()) {
        // There is no session whose log could have these.
        off.warnings.iter().for_each(|warning| logging::warn!("{warning}"));
        return Ok(None);
    }
    Ok(parsed)
}

fn enabled() -> Result<(), Error> {
    if cfg!(feature = "enable") { Ok(()) } else { Err(Error::Disabled) }
}

fn begin(parsed: ParsedConfig) -> Result<ExportHandle, Error> {
    begin_as(parsed, None)
}

/// Starts a session, under the name that a coordinator has assigned, if any.
fn begin_as(parsed: ParsedConfig, assigned: Option<AssignedSession>) -> Result<ExportHandle, Error> {
    enabled()?;
    if parsed.config.is_off() {
        return Err(Error::NotConfigured);
    }
    names::check_step_of(&parsed.config)?;
    session::start(parsed, assigned)
}
