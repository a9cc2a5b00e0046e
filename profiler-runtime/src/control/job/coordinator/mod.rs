//! Controls the workers of a job: starts and stops their sessions and asks for their state.
//!
//! ```text
//! Coordinator ─► table: members, sessions ─► member: queue ─► a worker's socket
//!                  ▲                                             │
//!                  └───────── accept: hello, answers ◄───────────┘
//! ```
//!
//! A call changes the table, which puts requests into the members' queues, and then waits until
//! every row of its session is answered or a timeout has passed. The threads that read answers
//! update the table whether or not a caller still waits, so a late worker differs from one that
//! never answered. If the coordinator ends, its workers keep running: they end the session that it
//! has started, write it, and look for the coordinator again.

mod accept;
mod frontend;
mod job_session;
mod journal;
mod member;
mod options;
mod pending;
mod shared;
mod table;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::address::{Address, LinkError};
use super::link::{Listener, Stream};
use super::report::{ControlError, JobStatus, Report};
use super::{Controller, Selection, worker};
use crate::config::{Folder, ProfilerConfig};
use crate::control::names;
use crate::error::Error;
use crate::session::ExportHandle;
use crate::{control, logging, session};
use job_session::JobSession;
use profiler_core::memory::ledger;
use profiler_core::process::Stamp;
use profiler_core::site::pinned;
use shared::Shared;

pub use options::CoordinatorOptions;

/// The controller of the worker processes that [`join`](super::join) it. Dropping it closes every
/// connection.
///
/// ```no_run
/// use std::time::Duration;
/// use profiler_runtime::ProfilerConfig;
/// use profiler_runtime::job::{Controller, Coordinator, CoordinatorOptions, Selection};
///
/// let options = CoordinatorOptions::default().config(ProfilerConfig::torch("./perf"));
/// let coordinator = Coordinator::bind("unix:/run/user/1000/my-server/profiler.sock", options)?;
/// // … start the workers, with `coordinator.environment()` …
/// let everyone = Selection::default();
/// coordinator.start(&everyone)?;
/// // … serve a request …
/// let report = coordinator.stop(&everyone, Duration::from_secs(60))?;
/// assert!(report.is_complete());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Coordinator {
    shared: Arc<Shared>,
    address: Address,
    /// Lock for starts, so that one at a time creates a session's folder.
    starting: Mutex<()>,
    process: Stamp,
}

impl Coordinator {
    /// Listens at `address`, `unix:/path` or `tcp://host:port`, for workers to join. Returns at
    /// once.
    ///
    /// # Errors
    ///
    /// Returns an error if the address is invalid or cannot be bound, if it is TCP and no token is
    /// set, or if the socket's directory is accessible to other users.
    pub fn bind(address: &str, options: CoordinatorOptions) -> Result<Self, LinkError> {
        let requested = Address::parse_with_token(address, options.token.is_some())?;
        let listener = Listener::bind(&requested)?;
        pinned::pin_this_library();
        let (address, shared) = (listener.address(&requested), Arc::new(Shared::new(options)));
        accept::spawn(&shared, listener).map_err(|source| LinkError::Thread { source: Arc::new(source) })?;
        Ok(Self { shared, address, starting: Mutex::default(), process: Stamp::here() })
    }

    /// Returns the address, with the port that the system has chosen.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Returns the environment variables by which a worker's process joins: the address, and the
    /// token if there is one.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        worker::environment(&self.address, self.shared.options.token.as_ref())
    }

    /// Waits until `count` workers have joined, at most for `timeout`; returns the number that
    /// have.
    pub fn wait_for_workers(&self, count: usize, timeout: Duration) -> usize {
        let table = self.shared.wait(Instant::now() + timeout, |table| table.members.len() < count);
        table.members.len()
    }

    /// Returns the coordinator's configuration for a selection, and warnings for the caller.
    fn configured(&self, selection: &Selection) -> Result<(ProfilerConfig, Vec<String>), ControlError> {
        names::check(&selection.names)?;
        let configured = match &self.shared.options.config {
            Some(config) => config.clone(),
            None => control::configured()?.ok_or(Error::NotConfigured)?.config,
        };
        let named = if selection.names.is_empty() { configured } else { configured.stages(selection.names.clone()) };
        let parsed = named.validate().and_then(|parsed| selection.wishes.apply(parsed)).map_err(Error::from)?;
        for warning in &selection.wishes.warnings {
            logging::warn!("{warning}");
        }
        if parsed.config.is_off() {
            return Err(Error::NotConfigured.into());
        }
        let warnings = parsed.warnings.iter().map(ToString::to_string).collect();
        // All workers get the same folder, wherever they run.
        let config = match parsed.config.folder() {
            Some(Folder::Default(folder)) => parsed.config.output_dir(folder),
            _ => parsed.config,
        };
        Ok((config, warnings))
    }

    /// Names a session, creates its folder and starts it on the selected workers.
    fn open_session(&self, config: &ProfilerConfig, selection: &Selection) -> Result<String, ControlError> {
        self.end_finished();
        let _held = logging::hold();
        let _starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.table().check_start(selection)?;
        let (session, folder) = selection.wishes.reserve(config)?;
        logging::info!("session `{session}` starts on {selection}");
        let frontend = if self.shared.options.frontend { frontend::start(config, &session) } else { None };
        let begun = JobSession {
            name: session.to_string(),
            folder,
            selection: selection.clone(),
            config: serde_json::to_value(config).unwrap_or_default(),
            is_stopped: false,
            rows: BTreeMap::new(),
            frontend,
        };
        self.shared.change(|table| table.begin(begun));
        Ok(session.to_string())
    }

    /// Ends a session that has ended by itself in every worker, so that it does not block the next
    /// one.
    fn end_finished(&self) {
        if self.shared.table().active().is_none() {
            return;
        }
        let mut table = self.shared.refresh_status();
        let over = table.active().filter(|session| session.is_over()).map(|session| session.name.clone());
        if let Some(session) = over {
            table.end(&session);
            drop(table);
            self.stop_frontend(&session);
        }
    }

    /// Stops the active session on its workers.
    fn close_session(&self, selection: &Selection) -> Result<String, ControlError> {
        let _held = logging::hold();
        self.shared.change(|table| {
            let active = table.active().ok_or(ControlError::NotActive)?;
            selection.check_stops(&active.selection)?;
            let session = active.name.clone();
            logging::info!("session `{session}` is stopped");
            table.end(&session);
            Ok(session)
        })
    }

    /// Returns the handle of this process's recording in a session.
    fn frontend(&self, session: &str) -> Option<ExportHandle> {
        self.shared.table().session(session)?.frontend.clone()?.ok()
    }

    /// Stops this process's recording in a session. Its artifacts are written in the background.
    fn stop_frontend(&self, session: &str) {
        if let Some(own) = self.frontend(session) {
            session::stop_this(own.session());
        }
    }
}

impl Controller for Coordinator {
    fn start(&self, selection: &Selection) -> Result<Report, ControlError> {
        let _own = ledger::own();
        let (config, warnings) = self.configured(selection)?;
        let name = self.open_session(&config, selection)?;
        let mut table = self.shared.await_orders(&name, self.shared.options.start_timeout);
        let started = table.session(&name).ok_or(ControlError::NotActive)?;
        let (report, never_began) = (started.start_report(warnings), started.never_began());
        if never_began {
            // No worker records, so there is nothing to stop.
            table.end(&name);
        }
        drop(table);
        if never_began {
            self.stop_frontend(&name);
        }
        self.shared.write_journal(&name);
        Ok(report)
    }

    fn stop(&self, selection: &Selection, wait: Duration) -> Result<Report, ControlError> {
        let _own = ledger::own();
        let begin = Instant::now();
        let name = self.close_session(selection)?;
        self.stop_frontend(&name);
        drop(self.shared.await_orders(&name, self.shared.options.stop_timeout));
        let deadline = begin.checked_add(wait).unwrap_or(begin + Duration::from_secs(1 << 30));
        drop(self.shared.wait(deadline, |table| table.session(&name).is_some_and(JobSession::awaits_artifacts)));
        if let Some(own) = self.frontend(&name) {
            let _ = own.wait_timeout(deadline.saturating_duration_since(Instant::now()));
        }
        let report = self.session(&name);
        self.shared.write_journal(&name);
        report.ok_or(ControlError::NotActive)
    }

    fn status(&self) -> JobStatus {
        let _own = ledger::own();
        let timeout = self.shared.options.status_timeout;
        self.shared.refresh_status().status(&format!("it has not answered within {timeout:?}"))
    }

    fn session(&self, session: &str) -> Option<Report> {
        self.shared.table().session(session).map(JobSession::report)
    }

    fn folder(&self, session: &str) -> Option<PathBuf> {
        self.shared.table().session(session)?.folder.clone()
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        let _own = ledger::own();
        if self.process.is_foreign() {
            // The workers belong to the parent.
            return;
        }
        self.shared.change(|table| {
            table.is_closed = true;
            table.members.values().for_each(member::Member::close);
        });
        // Unblocks the thread that accepts connections.
        if let Ok(stream) = Stream::connect(&self.address) {
            stream.close();
        }
    }
}
