//! The table with its lock and its condition variable, which the coordinator's threads share.

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

    /// Changes the table and wakes waiting threads.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Table) -> T) -> T {
        let result = change(&mut self.table());
        self.changed.notify_all();
        result
    }

    /// Waits while `waits` returns true, until the deadline; returns the table.
    pub(super) fn wait(&self, deadline: Instant, waits: impl Fn(&Table) -> bool) -> MutexGuard<'_, Table> {
        let left = deadline.saturating_duration_since(Instant::now());
        let table = self.changed.wait_timeout_while(self.table(), left, |table| !table.is_closed && waits(table));
        table.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Asks all members for their status; returns the table once all have answered or the timeout
    /// has passed.
    pub(super) fn refresh_status(&self) -> MutexGuard<'_, Table> {
        self.change(Table::request_status);
        let deadline = Instant::now() + self.options.status_timeout;
        self.wait(deadline, |table| table.members.values().any(|member| member.pending_status.is_some()))
    }

    /// Waits until every worker has answered the start or stop of a session; returns the table.
    /// Workers that have not answered within `timeout` are marked as silent.
    pub(super) fn await_orders(&self, session: &str, timeout: Duration) -> MutexGuard<'_, Table> {
        let waits = |table: &Table| table.session(session).is_some_and(JobSession::awaits_orders);
        let mut table = self.wait(Instant::now() + timeout, waits);
        table.mark_timed_out(session, &format!("it has not answered within {timeout:?}"));
        table
    }

    /// Rewrites `job.json` when a stopped session awaits no more answers.
    pub(super) fn write_journal_if_settled(&self, session: &str) {
        if self.table().session(session).is_some_and(JobSession::is_settled) {
            self.write_journal(session);
        }
    }

    /// Writes `job.json`.
    pub(super) fn write_journal(&self, session: &str) {
        let _held = logging::hold();
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let session = self.table().session(session).cloned();
        if let Some(session) = session {
            journal::write(&session);
        }
    }
}
