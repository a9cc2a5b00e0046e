//! The coordinator's state machine: its members and the outcomes of its sessions, guarded by one
//! lock.
//!
//! Changes come from callers that start and stop, from threads that read answers, and from
//! connections that begin and end. Nothing here blocks or touches a socket; requests go into the
//! members' queues.

use std::collections::{BTreeMap, VecDeque};

use super::job_session::{Awaited, JobSession, WorkerRow};
use super::member::Member;
use crate::control::job::remember;
use crate::control::job::report::{ControlError, JobStatus, Worker, WorkerState, WorkerStatus};
use crate::control::job::selection::Selection;
use crate::control::job::wire::{Answer, Request};

/// The members and sessions.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) members: BTreeMap<u32, Member>,
    /// Sessions, oldest first. Only the last one may be active: started and not stopped.
    sessions: VecDeque<JobSession>,
    /// True if the coordinator is shutting down.
    pub(super) is_closed: bool,
    /// Last id of a request or connection.
    last_id: u64,
}

/// Returns a new id, which differs from that of unsolicited answers.
fn next_id(last_id: &mut u64) -> u64 {
    *last_id += 1;
    *last_id
}

fn find<'a>(sessions: &'a mut VecDeque<JobSession>, name: &str) -> Option<&'a mut JobSession> {
    sessions.iter_mut().find(|session| session.name == name)
}

fn active_mut(sessions: &mut VecDeque<JobSession>) -> Option<&mut JobSession> {
    sessions.back_mut().filter(|session| !session.is_stopped)
}

impl Table {
    /// Returns the session of this name, if it is still kept.
    pub(super) fn session(&self, name: &str) -> Option<&JobSession> {
        self.sessions.iter().find(|session| session.name == name)
    }

    /// Returns the session that is started and not stopped.
    pub(super) fn active(&self) -> Option<&JobSession> {
        self.sessions.back().filter(|session| !session.is_stopped)
    }

    /// Checks whether a session may start.
    ///
    /// # Errors
    ///
    /// Returns an error if another session is active, no worker has joined, or a selected stage has
    /// no worker.
    pub(super) fn check_start(&self, selection: &Selection) -> Result<(), ControlError> {
        if let Some(active) = self.active() {
            return Err(ControlError::AlreadyActive { session: active.name.clone() });
        }
        if self.members.is_empty() {
            return Err(ControlError::NoWorkers);
        }
        let mut known: Vec<u32> = self.members.values().map(|member| member.worker().stage).collect();
        known.sort_unstable();
        known.dedup();
        match selection.stages.iter().find(|stage| !known.contains(stage)) {
            Some(&stage) => Err(ControlError::NoSuchStage { stage, known }),
            None => Ok(()),
        }
    }

    /// Begins a session and starts it on every selected member.
    pub(super) fn begin(&mut self, session: JobSession) {
        remember(&mut self.sessions, session);
        for rank in self.members.keys().copied().collect::<Vec<_>>() {
            self.start(rank);
        }
    }

    /// Starts the active session on a member, if it is selected.
    fn start(&mut self, rank: u32) {
        let Self { members, sessions, last_id, .. } = self;
        let (Some(session), Some(member)) = (active_mut(sessions), members.get(&rank)) else { return };
        if !session.selection.selects_stage(member.worker().stage) {
            return;
        }
        let mut row = WorkerRow::new(member.worker().clone());
        if member.is_silent {
            row.fail(WorkerState::Silent, "it was not asked: it has not answered an earlier request yet");
        } else {
            let (id, places) = (next_id(last_id), session.selection.wishes.aliases());
            let request = Request::Start { session: session.name.clone(), config: session.config.clone(), places };
            row.on_sent(Awaited::Order(id), member.send(id, request), WorkerState::Failed);
        }
        session.rows.insert(rank, row);
    }

    /// Ends a session and stops it on every member that may be recording it.
    pub(super) fn end(&mut self, name: &str) {
        let Self { sessions, members, last_id, .. } = self;
        let Some(session) = find(sessions, name) else { return };
        session.is_stopped = true;
        for (rank, row) in session.rows.iter_mut().filter(|(_, row)| row.may_run()) {
            let is_same = |member: &&Member| member.is_same_process(&row.status.worker);
            let Some(member) = members.get(rank).filter(is_same) else { continue };
            let id = next_id(last_id);
            let sent = member.send(id, Request::Stop { session: name.to_owned() });
            if sent.is_err() {
                // A worker that loses its coordinator ends the session by itself.
                member.close();
            }
            row.on_sent(Awaited::Order(id), sent, WorkerState::Silent);
        }
    }

    /// Marks the workers that have not answered a start or stop as silent.
    pub(super) fn mark_timed_out(&mut self, name: &str, why: &str) {
        let Self { sessions, members, .. } = self;
        let Some(session) = find(sessions, name) else { return };
        for (rank, row) in session.rows.iter_mut().filter(|(_, row)| row.awaits_order()) {
            row.fail(WorkerState::Silent, why);
            if let Some(member) = members.get_mut(rank) {
                member.is_silent = true;
            }
        }
    }

    /// Requests the status of every member, except those that have not answered the previous
    /// request.
    pub(super) fn request_status(&mut self) {
        let active = self.active().map(|session| session.name.clone());
        for member in self.members.values_mut().filter(|member| member.pending_status.is_none()) {
            let id = next_id(&mut self.last_id);
            match member.send(id, Request::Status { session: active.clone() }) {
                Ok(()) => member.pending_status = Some(id),
                Err(why) => member.last_status = member.last_status.clone().with(WorkerState::Silent, why),
            }
        }
    }

    /// Handles a worker's answer; returns the session whose report has changed.
    pub(super) fn on_answer(&mut self, rank: u32, connection: u64, answer: &Answer) -> Option<String> {
        let member = self.members.get_mut(&rank).filter(|member| member.connection == connection)?;
        member.is_silent = false;
        if member.pending_status == Some(answer.id) {
            member.pending_status = None;
        }
        member.last_status = WorkerStatus {
            recorded_iterations: answer.recorded_iterations,
            lost_ranges: answer.lost_ranges,
            artifacts: answer.artifacts.clone(),
            ..WorkerStatus::new(member.worker().clone(), answer.state)
        };
        let session = self.sessions.iter_mut().find(|session| {
            // The answer to a line that the worker cannot parse names no session.
            let awaits = |row: &WorkerRow| row.awaits == Some(Awaited::Order(answer.id));
            answer.session.as_ref() == Some(&session.name) || session.rows.get(&rank).is_some_and(awaits)
        })?;
        let row = session.rows.get_mut(&rank)?;
        row.on_answer(answer);
        if answer.state == WorkerState::Writing && session.is_stopped && row.awaits.is_none() {
            let id = next_id(&mut self.last_id);
            let sent = member.send(id, Request::Flush { session: session.name.clone() });
            row.on_sent(Awaited::Flush(id), sent, WorkerState::Silent);
        }
        Some(session.name.clone())
    }

    /// Adds a worker; returns the number of its connection, or the reason if it is refused.
    pub(super) fn admit(&mut self, mut member: Member, starts_late: bool) -> Result<u64, String> {
        let worker = member.worker().clone();
        let (rank, stage) = (worker.rank, worker.stage);
        if self.is_closed {
            return Err("the coordinator ends".to_owned());
        }
        if let Some(other) = self.members.get(&rank).filter(|other| !other.is_same_process(&worker)) {
            let Worker { name, pid, host, .. } = other.worker();
            return Err(format!(
                "rank {rank} has joined already: `{name}`, process {pid} on `{host}`; give each worker a `RANK` of its own"
            ));
        }
        let connection = next_id(&mut self.last_id);
        member.connection = connection;
        // The same process has connected again: its old connection is obsolete.
        if let Some(old) = self.members.insert(rank, member) {
            old.close();
            self.disconnect_rows(rank, "it has joined anew");
        }
        let is_new =
            |session: &&mut JobSession| session.selection.selects_stage(stage) && !session.rows.contains_key(&rank);
        let Some(session) = active_mut(&mut self.sessions).filter(is_new) else { return Ok(connection) };
        let mut row = WorkerRow::new(worker);
        row.fail(WorkerState::Idle, "it joined while the session was active: it records from the next one on");
        session.rows.insert(rank, row);
        if starts_late {
            self.start(rank);
        }
        Ok(connection)
    }

    /// Removes the worker of a connection that has ended, unless it has joined again.
    pub(super) fn disconnect(&mut self, rank: u32, connection: u64, why: &str) {
        if self.members.get(&rank).is_some_and(|member| member.connection == connection) {
            self.members.remove(&rank);
            self.disconnect_rows(rank, why);
        }
    }

    fn disconnect_rows(&mut self, rank: u32, why: &str) {
        let rows = self.sessions.iter_mut().filter_map(|session| session.rows.get_mut(&rank));
        rows.for_each(|row| row.on_disconnect(why));
    }

    /// Returns the last status of every member, and the rows of the active session without a
    /// member.
    pub(super) fn status(&self, silent: &str) -> JobStatus {
        let writing = || self.sessions.iter().rev().find(|session| session.awaits_artifacts());
        let session = self.active().or_else(writing);
        let lost = session.into_iter().flat_map(|session| &session.rows);
        let lost = lost.filter(|(rank, _)| !self.members.contains_key(rank));
        let mut workers: BTreeMap<u32, WorkerStatus> = lost.map(|(rank, row)| (*rank, row.status.clone())).collect();
        for (rank, member) in &self.members {
            let (last, is_late) = (member.last_status.clone(), member.pending_status.is_some());
            workers.insert(*rank, if is_late { last.with(WorkerState::Silent, silent) } else { last });
        }
        let last_session = self.sessions.iter().rev().find(|session| session.is_written()).map(JobSession::report);
        let session = session.map(|session| session.name.clone());
        JobStatus { session, workers: workers.into_values().collect(), last_session }
    }
}
