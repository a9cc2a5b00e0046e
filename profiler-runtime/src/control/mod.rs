//! Start, stop and step, for people and programs.
//!
//! Programs call these functions directly; command-line flags end here too. This room chooses the
//! configuration; `session` carries it out.

pub mod doctor;
mod guard;
#[cfg(feature = "http")]
pub mod http;
pub mod job;
mod names;
mod options;
mod refusals;
mod threads;
mod token;
mod trigger;

use std::sync::{Mutex, PoisonError};

use crate::collect::nvtx;
use crate::config::{IntoConfig, ParsedConfig, ProfilerConfig};
use crate::error::Error;
use crate::logging;
use crate::session::{self, AssignedSession, Recovered, SessionId, Status, Stopped};
use profiler_core::process::PerProcess;

pub use guard::{ProfileGuard, profile_from_env, profile_with};

/// Configuration that [`configure`] has set.
static CONFIGURED: PerProcess<Mutex<Option<ParsedConfig>>> =
    PerProcess::new(|parents| Mutex::new(parents.and_then(|parents| parents.try_lock().ok()?.clone())));

/// Sets the configuration that [`start_profile`] uses from now on, instead of the environment's. A
/// session that is active keeps its own; what an attached tool is shown (`nvtx`, `nvtx_domain`)
/// changes at once.
///
/// # Errors
///
/// Returns [`Error::Config`] with everything that is wrong in it; then the earlier configuration
/// stays.
pub fn configure(config: impl IntoConfig) -> Result<(), Error> {
    keep(config.into_parsed()?);
    Ok(())
}

/// Keeps the configuration with which [`start_profile`], triggers and requests start from now on.
fn keep(parsed: ParsedConfig) {
    nvtx::configure(&parsed.config);
    *CONFIGURED.lock().unwrap_or_else(PoisonError::into_inner) = Some(parsed);
}

/// Starts a session with the configuration that [`configure`] has set, else with the environment's
/// (`PROFILER_CONFIG`).
///
/// Returns when its folder exists: a few file system calls.
///
/// # Errors
///
/// Returns [`Error::NotConfigured`] if nothing says what to record, [`Error::Config`] if the
/// environment's configuration is wrong, [`Error::AlreadyActive`], and [`Error::Folder`] or
/// [`Error::RemoteFolder`] if its artifacts could not be written. The first is logged too: programs
/// that ignore errors would run unprofiled without a word.
pub fn start_profile() -> Result<SessionId, Error> {
    enabled()?;
    let parsed = configured()?.ok_or(Error::NotConfigured).inspect_err(|error| logging::warn!("{error}"))?;
    begin(parsed).map(|handle| handle.session().clone())
}

/// Starts a session with this configuration, built in code or read from flags, a file or a text.
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
/// Seals the recording and returns within milliseconds, whatever was recorded (0.2 ms for a million
/// ranges); the artifacts are written by a background thread. Ranges that other threads have open
/// are shown up to this moment.
///
/// ```no_run
/// let artifacts = profiler_runtime::stop_profile()?.wait()?;
/// # Ok::<(), profiler_runtime::Error>(())
/// ```
///
/// # Errors
///
/// Returns [`Error::NotActive`] if there is neither.
pub fn stop_profile() -> Result<ExportHandle, Error> {
    session::stop()
}

/// Writes the active session's recording so far, as if it had been stopped now; it goes on. The
/// artifacts go into a folder of their own inside the session's (`dump-1`, `dump-2`, …), by a
/// background thread.
///
/// Returns within milliseconds. One dump is written at a time. The GPU's part is only in the
/// session's own artifacts.
///
/// ```no_run
/// let so_far = profiler_runtime::dump_profile()?.wait()?;
/// # Ok::<(), profiler_runtime::Error>(())
/// ```
///
/// # Errors
///
/// Returns [`Error::NotActive`] without a session, [`Error::Dump`] if it has nothing to dump or no
/// folder for it, or writes another dump, [`Error::Folder`] if the dump's folder cannot be made.
pub fn dump_profile() -> Result<ExportHandle, Error> {
    session::dump()
}

/// Writes the artifacts of sessions with `spool: true` whose processes have ended without doing so,
/// by whatever signal or crash: searches `dir` and the folders in it, so it takes a session's
/// folder as well as `torch_profiler_dir`.
///
/// What a process had stored until its end is there; a range that was open is shown up to the last
/// entry, and the manifest's `ended_by` is `recovered`. After a power failure it is what had
/// reached the disk, which is asked for every second. Blocks until the artifacts are written. Never
/// touches a session whose process lives. For the names of its sites it leaks memory, a few hundred
/// bytes each. Deletes folders in `dir` that a process of this machine made for itself and left
/// empty.
///
/// Call stacks are named from the files that the code came from, on this machine: the program and
/// its libraries, known again by their build ids. Functions of a file that is gone or another one
/// by now are `(no symbol)`, and a warning in the manifest names the file. What CUPTI recorded is
/// gone with the process; of ranges that CUDA events timed, those whose events had been read have
/// their times.
///
/// # Errors
///
/// Returns [`Error::Folder`] if `dir` cannot be read. A spool that is damaged beyond use is in
/// [`Recovered::failed`].
pub fn recover(dir: impl AsRef<std::path::Path>) -> Result<Recovered, Error> {
    enabled()?;
    recover::recover(dir.as_ref())
}

/// Ends an iteration, in a program whose loop has no `#[profiled_step]`: the range `ProfilerStep#N`
/// goes from one call to the next.
///
/// Does not count while a step site drives the session. Costs one load while no session is active,
/// about 150 ns while one is.
pub fn next_step() {
    session::step_call();
}

/// Returns what the profiler is doing.
#[must_use]
pub fn status() -> Status {
    session::status()
}

/// Returns the configuration to start with, if there is one that asks for anything.
fn configured() -> Result<Option<ParsedConfig>, Error> {
    let set = CONFIGURED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let parsed = match set {
        Some(parsed) => Some(parsed),
        None => ProfilerConfig::from_env()?,
    };
    if let Some(off) = parsed.as_ref().filter(|parsed| parsed.config.is_off()) {
        // No session carries these into its log.
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

/// Starts a session, under the name that a coordinator has given it, if any.
fn begin_as(parsed: Parsed, given: Option<AssignedSession>) -> Result<Stopped, Error> {
    enabled()?;
    if parsed.config.is_off() {
        return Err(Error::NotConfigured);
    }
    names::check_step_of(&parsed.config)?;
    session::start(parsed, given)
}
