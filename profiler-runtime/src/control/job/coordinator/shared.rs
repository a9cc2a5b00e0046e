//! The table behind its lock, and the waits for its changes: the part of a coordinator that its
//! threads share.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::job_session::JobSession;
use super::journal;
use super::options::CoordinatorOptions;
use super::table::Table;
use crate::logging;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: CoordinatorOptions,
    table: Mutex<Table>,
    changed: Condvar,
    /// Lock for writing `job.json`.
    writing: Mutex<()>,
}

impl Shared {
    pub(super) fn new(options: CoordinatorOptions) -> Self {
        Self { options, table: Mutex::default(), changed: Condvar::new(), writing: Mutex::default() }
    }

    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the table and wakes the threads that wait for changes.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Table) -> T) -> T {
        let result = change(&mut self.table());
        self.changed.notify_all();
        result
    }

    /// Returns the table when `waits` is false for it, at the latest at the deadline.
    pub(super) fn wait(&self, deadline: Instant, waits: impl Fn(&Table) -> bool) -> MutexGuard<'_, Table> {
        let left = deadline.saturating_duration_since(Instant::now());
        let table = self.changed.wait_timeout_while(self.table(), left, |table| !table.is_closed && waits(table));
        table.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Returns the table when every member has reported its state, or has had time to.
    pub(super) fn ask_all(&self) -> MutexGuard<'_, Table> {
        self.change(Table::ask_all);
        let deadline = Instant::now() + self.options.status_timeout;
        self.wait(deadline, |table| table.members.values().any(|member| member.asked.is_some()))
    }

    /// Returns the table when every worker has answered a start or stop of this session; workers
    /// that have not answered within the limit are silent from then on.
    pub(super) fn await_orders(&self, session: &str, limit: Duration) -> MutexGuard<'_, Table> {
        let waits = |table: &Table| table.session(session).is_some_and(JobSession::awaits_orders);
        let mut table = self.wait(Instant::now() + limit, waits);
        table.silence(session, &format!("it has not answered within {limit:?}"));
        table
    }

    /// Writes `job.json` anew when the last answer about a stopped session has come.
    pub(super) fn publish_if_settled(&self, session: &str) {
        if self.table().session(session).is_some_and(JobSession::is_settled) {
            self.publish(session);
        }
    }

    /// Writes `job.json`.
    pub(super) fn publish(&self, session: &str) {
        let _held = logging::hold();
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let session = self.table().session(session).cloned();
        if let Some(session) = session {
            journal::write(&session);
        }
    }
}
