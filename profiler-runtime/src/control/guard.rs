//! Ties a session to the lifetime of a guard, to profile a whole program.

use std::sync::Arc;

use super::job::{self, WorkerHandle};
use super::trigger::{self, Triggers};
use super::{begin, configured, enabled, keep};
use crate::collect::nvtx;
use crate::config::IntoConfig;
use crate::error::Error;
use crate::logging;
use crate::session::{self, ExportHandle, SessionId};
use profiler_trace::export::Manifest;

/// Starts a session if one is configured, and ends it when the result is dropped: `let _profile =
/// profiler_runtime::profile_from_env();` at the top of `main`.
///
/// Never fails: an invalid `PROFILER_CONFIG` and a folder that cannot be written to are logged as
/// errors, and the program runs unprofiled.
///
/// In two cases it does not start a session at once: if `PROFILER_COORDINATOR` names a coordinator,
/// which the process joins as a worker (see [`job`]), and if the configuration has a trigger
/// (`toggle_on_sigusr2`, `trigger_file`). When the guard is dropped while such a process records,
/// the artifacts are written first.
///
/// Loads an attached NVTX tool (such as Nsight Systems) now, so that the first range does not pay
/// for it.
#[must_use = "the session ends when this is dropped: bind it to a name, as in `let _profile = …`"]
pub fn profile_from_env() -> ProfileGuard {
    nvtx::attach();
    let mut guard = ProfileGuard { session: None, triggers: None, membership: None };
    let parsed = configured().unwrap_or_else(|error| {
        logging::error!("this program runs without the profiler: {error}");
        None
    });
    guard.triggers = parsed.as_ref().and_then(|parsed| trigger::arm(&parsed.config));
    guard.membership = job::join_from_env().and_then(|joined| {
        joined.inspect_err(|error| logging::error!("this program is not profiled with its job: {error}")).ok()
    });
    let starts_at_once =
        guard.triggers.is_none() && std::env::var_os(job::COORDINATOR).is_none_or(|set| set.is_empty());
    if let Some(parsed) = parsed.filter(|_| starts_at_once) {
        match begin(parsed) {
            Ok(session) => guard.session = Some(session),
            Err(error) => logging::error!("this program runs without the profiler: {error}"),
        }
    }
    guard
}

/// Starts a session that ends when the result is dropped. If the configuration has a trigger
/// (`toggle_on_sigusr2`, `trigger_file`), the trigger starts it;
/// [`start_profile`](crate::start_profile) then uses this configuration too.
///
/// # Errors
///
/// Returns the errors of [`start_profile_with`](crate::start_profile_with).
pub fn profile_with(config: impl IntoConfig) -> Result<ProfileGuard, Error> {
    let parsed = config.into_parsed()?;
    let mut guard = ProfileGuard { session: None, triggers: None, membership: None };
    if trigger::is_named(&parsed.config) {
        enabled()?;
        keep(parsed.clone());
        guard.triggers = trigger::arm(&parsed.config);
    }
    if guard.triggers.is_none() {
        guard.session = Some(begin(parsed)?);
    }
    Ok(guard)
}

/// A guard of a session, if there is one. Dropping it stops the session and waits for its
/// artifacts, even while a panic unwinds.
#[derive(Debug)]
pub struct ProfileGuard {
    session: Option<ExportHandle>,
    /// Triggers. Declared before the membership, so that the sessions they started stop first.
    triggers: Option<Arc<Triggers>>,
    membership: Option<WorkerHandle>,
}

impl ProfileGuard {
    /// Returns the session's id; `None` if none was configured, it could not start, or a
    /// coordinator or a trigger starts it.
    #[must_use]
    pub fn session(&self) -> Option<&SessionId> {
        self.session.as_ref().map(ExportHandle::session)
    }

    /// Stops the session if it is still active and returns its handle, for example to show the
    /// progress of its artifacts. Returns `None` if there is no session.
    #[must_use = "the artifacts are written in the background"]
    pub fn stop(mut self) -> Option<ExportHandle> {
        let session = self.session.take()?;
        end(&session);
        Some(session)
    }

    /// Stops the session if it is still active, waits for its artifacts and lists them. Returns
    /// `None` if there is no session.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`ExportHandle::wait`].
    pub fn finish(mut self) -> Option<Result<Manifest, Error>> {
        self.session.take().map(|session| end(&session).wait())
    }
}

impl Drop for ProfileGuard {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            // A failure was logged by the export.
            let _ = end(&session).wait();
        }
    }
}

fn end(session: &ExportHandle) -> &ExportHandle {
    session::stop_guarded(session.session());
    session
}
