//! The controller of a job: it starts, stops and asks the workers that have joined it.
//!
//! ```text
//! Coordinator ─► table: members, sessions ─► member: queue ─► a worker's socket
//!                  ▲                                             │
//!                  └────────── door: hello, answers ◄────────────┘
//! ```
//!
//! A call changes the table, which puts requests into the members' queues, and then waits on the table until every line
//! of its session is answered or its time is up. Answers are taken down by the threads that read them, whether or not
//! anybody still waits: a worker that was late is told apart from one that never came. If the coordinator goes, its
//! workers run on: they end the session that it has started, write it, and look for the coordinator again.

mod accept;
mod frontend;
mod job_session;
mod journal;
mod member;
mod options;
mod strangers;
mod table;

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::address::{Address, LinkError};
use super::link::{Listener, Stream};
use super::report::{ControlError, JobStatus, Report};
use super::{Controller, Selection, asked, worker};
use crate::config::{Folder, ProfilerConfig};
use crate::error::Error;
use crate::{control, logging, session};
use profiler_core::memory::ledger;
use profiler_core::process::Stamp;
use profiler_core::site::pinned;
use table::Table;

pub use options::CoordinatorOptions;

/// Profiles the worker processes that [`join`](super::join) it. Dropped, it closes every connection.
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
    process: Stamp,
}

#[derive(Debug)]
struct Shared {
    options: CoordinatorOptions,
    table: Mutex<Table>,
    changed: Condvar,
    /// One start at a time makes a session's folder.
    starting: Mutex<()>,
    /// One thread at a time writes `job.json`.
    writing: Mutex<()>,
}

impl Coordinator {
    /// Listens at `address`, `unix:/path` or `tcp://host:port`, for workers to join; returns at once.
    ///
    /// # Errors
    ///
    /// The address is none, cannot be listened at, is TCP without a token, or lies in a folder that other users may enter.
    pub fn bind(address: &str, options: CoordinatorOptions) -> Result<Self, LinkError> {
        let asked: Address = address.parse()?;
        let listener = match &asked {
            #[cfg(unix)]
            Address::Unix(path) => Listener::Unix(super::unix::Listener::bind(path)?),
            #[cfg(not(unix))]
            Address::Unix(_) => return Err(LinkError::NoUnixSockets),
            Address::Tcp(_) if options.token.is_none() => return Err(LinkError::NoToken { address: asked }),
            Address::Tcp(place) => Listener::Tcp(
                TcpListener::bind(place)
                    .map_err(|source| LinkError::Bind { address: asked.clone(), source: Arc::new(source) })?,
            ),
        };
        pinned::pin_this_library();
        let address = listener.address(&asked);
        let shared = Arc::new(Shared {
            options,
            table: Mutex::default(),
            changed: Condvar::new(),
            starting: Mutex::default(),
            writing: Mutex::default(),
        });
        accept::open(&shared, listener).map_err(|source| LinkError::Thread { source: Arc::new(source) })?;
        Ok(Self { shared, address, process: Stamp::here() })
    }

    /// Where it listens, with the port that the system has chosen.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// What a worker's process needs in its environment to join by itself: its address, and the token if there is one.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        worker::environment(&self.address, self.shared.options.token.as_ref())
    }

    /// Waits until `count` workers have joined, at most as long as `most`; the number that has.
    pub fn wait_for_workers(&self, count: usize, most: Duration) -> usize {
        let table = self.shared.wait(Instant::now() + most, |table| table.members.len() < count);
        table.members.len()
    }
}

impl Controller for Coordinator {
    fn start(&self, selection: &Selection) -> Result<Report, ControlError> {
        let _own = ledger::own();
        let shared = &*self.shared;
        let (config, told) = shared.configured(selection)?;
        let session = shared.open(&config, selection)?;
        let limit = shared.options.start_timeout;
        let waits = |table: &Table| table.record(&session).is_some_and(job_session::Record::awaits_orders);
        let mut table = shared.wait(Instant::now() + limit, waits);
        table.silence(&session, &format!("it has not answered within {limit:?}"));
        let report = table.record(&session).map(|record| (record.start_report(told), record.never_began()));
        if let Some((_, true)) = &report {
            // Nobody records: there is nothing to stop.
            table.end(&session);
        }
        drop(table);
        if matches!(&report, Some((_, true))) {
            frontend::stop(shared.frontend(&session).as_ref());
        }
        shared.publish(&session);
        report.map(|(report, _)| report).ok_or(ControlError::NotActive)
    }

    fn stop(&self, selection: &Selection, wait: Duration) -> Result<Report, ControlError> {
        let _own = ledger::own();
        let (shared, begin) = (&*self.shared, Instant::now());
        let session = shared.close(selection)?;
        frontend::stop(shared.frontend(&session).as_ref());
        let limit = shared.options.stop_timeout;
        let orders = |table: &Table| table.record(&session).is_some_and(job_session::Record::awaits_orders);
        let mut table = shared.wait(begin + limit, orders);
        table.silence(&session, &format!("it has not answered within {limit:?}"));
        drop(table);
        let artifacts = |table: &Table| table.record(&session).is_some_and(job_session::Record::awaits_artifacts);
        let deadline = begin.checked_add(wait).unwrap_or(begin + Duration::from_secs(1 << 30));
        drop(shared.wait(deadline, artifacts));
        let left = deadline.saturating_duration_since(Instant::now());
        frontend::wait(shared.frontend(&session).as_ref(), left);
        let report = shared.table().record(&session).map(job_session::Record::report);
        shared.publish(&session);
        report.ok_or(ControlError::NotActive)
    }

    fn status(&self) -> JobStatus {
        let _own = ledger::own();
        let limit = self.shared.options.status_timeout;
        self.shared.ask_all(limit).status(&format!("it has not answered within {limit:?}"))
    }

    fn session(&self, session: &str) -> Option<Report> {
        self.shared.table().record(session).map(job_session::Record::report)
    }

    fn folder(&self, session: &str) -> Option<PathBuf> {
        self.shared.table().record(session)?.folder.clone()
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        let _own = ledger::own();
        if self.process.is_foreign() {
            // The workers are the parent's.
            return;
        }
        self.shared.change(|table| {
            table.is_closed = true;
            table.members.values().for_each(member::Member::close);
        });
        // A knock at its own door wakes the thread that accepts.
        if let Ok(stream) = Stream::connect(&self.address) {
            stream.close();
        }
    }
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the table and wakes whoever waits for that.
    fn change<T>(&self, change: impl FnOnce(&mut Table) -> T) -> T {
        let result = change(&mut self.table());
        self.changed.notify_all();
        result
    }

    /// The table when `waits` is false of it, at the latest at the deadline.
    fn wait(&self, deadline: Instant, waits: impl Fn(&Table) -> bool) -> MutexGuard<'_, Table> {
        let left = deadline.saturating_duration_since(Instant::now());
        let table = self.changed.wait_timeout_while(self.table(), left, |table| !table.is_closed && waits(table));
        table.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Returns the coordinator's configuration with the selected names, and warnings for whoever asks.
    fn configured(&self, selection: &Selection) -> Result<(ProfilerConfig, Vec<String>), ControlError> {
        asked::check_names(&selection.names)?;
        let configured = match &self.options.config {
            Some(config) => config.clone(),
            None => control::configured()?.ok_or(Error::NotConfigured)?.config,
        };
        let named = if selection.names.is_empty() { configured } else { configured.stages(selection.names.clone()) };
        let parsed = named.validate().and_then(|parsed| selection.wishes.lay_over(parsed)).map_err(Error::from)?;
        for warning in &selection.wishes.warnings {
            logging::warn!("{warning}");
        }
        let told = parsed.warnings.iter().map(ToString::to_string).collect();
        let config = parsed.config;
        if config.is_off() {
            return Err(Error::NotConfigured.into());
        }
        // One folder for all, wherever the workers run.
        let config = match config.folder() {
            Some(Folder::Default(folder)) => config.output_dir(folder),
            _ => config,
        };
        Ok((config, told))
    }

    /// Names a session, makes its folder and tells the selected workers.
    fn open(&self, config: &ProfilerConfig, selection: &Selection) -> Result<String, ControlError> {
        self.forget_ended();
        let _held = logging::hold();
        let _turn = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        self.table().may_start(selection)?;
        let config_line = serde_json::to_value(config).unwrap_or_default();
        let wishes = &selection.wishes;
        let (name, prefix) = (wishes.name.as_deref(), wishes.prefix.as_deref());
        let (session, folder) = session::reserve(config.folder().as_ref().map(Folder::path), name, prefix)?;
        logging::info!("session `{session}` starts on {selection}");
        let own = if self.options.frontend { frontend::start(config, &session) } else { None };
        self.change(|table| {
            table.begin(session.to_string(), folder, selection, config_line);
            if let Some(record) = table.record_mut(session.as_str()) {
                record.frontend = own;
            }
        });
        Ok(session.to_string())
    }

    /// A session that has ended by itself in every worker is not in the way of the next one.
    fn forget_ended(&self) {
        if self.table().active.is_none() {
            return;
        }
        let mut table = self.ask_all(self.options.status_timeout);
        let Some(session) = table.active.clone() else { return };
        if table.record(&session).is_some_and(job_session::Record::is_over) {
            table.end(&session);
            drop(table);
            frontend::stop(self.frontend(&session).as_ref());
        }
    }

    /// Returns the part of this process in a session.
    fn frontend(&self, session: &str) -> Option<frontend::Part> {
        self.table().record(session)?.frontend.clone()
    }

    /// Tells the workers of the active session that it ends.
    fn close(&self, selection: &Selection) -> Result<String, ControlError> {
        let _held = logging::hold();
        self.change(|table| {
            let session = table.active.clone().ok_or(ControlError::NotActive)?;
            let started = table.record(&session).map(|record| record.selection.clone()).unwrap_or_default();
            if !selection.is_everything() && !selection.is_same_part(&started) {
                let (active, asked) = (started.to_string(), selection.to_string());
                return Err(ControlError::OtherSelection { active, asked });
            }
            logging::info!("session `{session}` is stopped");
            table.end(&session);
            Ok(session)
        })
    }

    /// The table when every member has said what it does, or has had time to.
    fn ask_all(&self, limit: Duration) -> MutexGuard<'_, Table> {
        self.change(Table::ask_all);
        self.wait(Instant::now() + limit, |table| table.members.values().any(|member| member.asked.is_some()))
    }

    /// Writes `job.json` anew when the last answer about a stopped session has come.
    fn publish_if_settled(&self, session: &str) {
        let is_settled = self
            .table()
            .record(session)
            .is_some_and(|record| record.is_stopped && !record.awaits_orders() && !record.awaits_artifacts());
        if is_settled {
            self.publish(session);
        }
    }

    fn publish(&self, session: &str) {
        let _held = logging::hold();
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let record = self.table().record(session).cloned();
        if let Some(record) = record {
            journal::write(&record);
        }
    }
}
