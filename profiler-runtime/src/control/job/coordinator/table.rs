//! The members and the outcomes of the sessions: the coordinator's state machine, which its lock
//! guards.
//!
//! Changes come from three sides: callers that start and stop, the threads that read answers, and
//! connections that come and go. Nothing here waits or touches a socket; requests go into the
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
    /// True if the coordinator ends.
    pub(super) is_closed: bool,
    /// Last number of a request or connection.
    last_id: u64,
}

/// Returns a new number: never that of an unasked answer.
fn next(last_id: &mut u64) -> u64 {
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
    /// Returns the session of this name, if it is still remembered.
    pub(super) fn session(&self, name: &str) -> Option<&JobSession> {
        self.sessions.iter().find(|session| session.name == name)
    }

    /// Returns the session that was started and not stopped.
    pub(super) fn active(&self) -> Option<&JobSession> {
        self.sessions.back().filter(|session| !session.is_stopped)
    }

    /// Checks whether a session may start.
    ///
    /// # Errors
    ///
    /// Fails if another one runs, no worker is there, or none of a stage that is selected.
    pub(super) fn may_start(&self, selection: &Selection) -> Result<(), ControlError> {
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

    /// Begins a session, and tells every selected member.
    pub(super) fn begin(&mut self, session: JobSession) {
        remember(&mut self.sessions, session);
        for rank in self.members.keys().copied().collect::<Vec<_>>() {
            self.start(rank);
        }
    }

    /// Tells a member to start the active session, if its selection includes the member.
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
            let (id, places) = (next(last_id), session.selection.wishes.places());
            let request = Request::Start { session: session.name.clone(), config: session.config.clone(), places };
            row.ask(Awaited::Order(id), member.ask(id, request), WorkerState::Failed);
        }
        session.rows.insert(rank, row);
    }

    /// Ends a session, and tells every member that may be recording it.
    pub(super) fn end(&mut self, name: &str) {
        let Self { sessions, members, last_id, .. } = self;
        let Some(session) = find(sessions, name) else { return };
        session.is_stopped = true;
        for (rank, row) in session.rows.iter_mut().filter(|(_, row)| row.may_run()) {
            let Some(member) = members.get(rank).filter(|member| member.is(&row.status.worker)) else { continue };
            let id = next(last_id);
            let sent = member.ask(id, Request::Stop { session: name.to_owned() });
            if sent.is_err() {
                // Without its coordinator a worker ends the session by itself.
                member.close();
            }
            row.ask(Awaited::Order(id), sent, WorkerState::Silent);
        }
    }

    /// Stops waiting for the answers to a start or stop.
    pub(super) fn silence(&mut self, name: &str, why: &str) {
        let Self { sessions, members, .. } = self;
        let Some(session) = find(sessions, name) else { return };
        for (rank, row) in session.rows.iter_mut().filter(|(_, row)| row.awaits_order()) {
            row.fail(WorkerState::Silent, why);
            if let Some(member) = members.get_mut(rank) {
                member.is_silent = true;
            }
        }
    }

    /// Asks every member for its state; a member that has not answered the last time is not asked
    /// again.
    pub(super) fn ask_all(&mut self) {
        let active = self.active().map(|session| session.name.clone());
        for member in self.members.values_mut().filter(|member| member.asked.is_none()) {
            let id = next(&mut self.last_id);
            match member.ask(id, Request::Status { session: active.clone() }) {
                Ok(()) => member.asked = Some(id),
                Err(why) => member.said = member.said.clone().with(WorkerState::Silent, why),
            }
        }
    }

    /// Records a worker's answer. Returns the session whose report has changed.
    pub(super) fn on_answer(&mut self, rank: u32, connection: u64, answer: &Answer) -> Option<String> {
        let member = self.members.get_mut(&rank).filter(|member| member.connection == connection)?;
        member.is_silent = false;
        if member.asked == Some(answer.id) {
            member.asked = None;
        }
        member.said = WorkerStatus {
            recorded_iterations: answer.recorded_iterations,
            lost_ranges: answer.lost_ranges,
            artifacts: answer.artifacts.clone(),
            ..WorkerStatus::new(member.worker().clone(), answer.state)
        };
        let session = self.sessions.iter_mut().find(|session| {
            // A line that the worker does not understand is answered without a session.
            let awaits = |row: &WorkerRow| row.awaits == Some(Awaited::Order(answer.id));
            answer.session.as_ref() == Some(&session.name) || session.rows.get(&rank).is_some_and(awaits)
        })?;
        let row = session.rows.get_mut(&rank)?;
        row.on_answer(answer);
        if answer.state == WorkerState::Writing && session.is_stopped && row.awaits.is_none() {
            let id = next(&mut self.last_id);
            let sent = member.ask(id, Request::Flush { session: session.name.clone() });
            row.ask(Awaited::Flush(id), sent, WorkerState::Silent);
        }
        Some(session.name.clone())
    }

    /// Adds a worker. Returns the number of its connection, or why it is refused.
    pub(super) fn admit(&mut self, mut member: Member, starts_late: bool) -> Result<u64, String> {
        let worker = member.worker().clone();
        let (rank, stage) = (worker.rank, worker.stage);
        if self.is_closed {
            return Err("the coordinator ends".to_owned());
        }
        if let Some(other) = self.members.get(&rank).filter(|other| !other.is(&worker)) {
            let Worker { name, pid, host, .. } = other.worker();
            return Err(format!(
                "rank {rank} has joined already: `{name}`, process {pid} on `{host}`; give each worker a `RANK` of its own"
            ));
        }
        let connection = next(&mut self.last_id);
        member.connection = connection;
        // The same process again: its old connection is of no use to anyone.
        if let Some(old) = self.members.insert(rank, member) {
            old.close();
            self.lose_rows(rank, "it has joined anew");
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

    /// Removes the worker of a connection that has ended, unless it has joined anew.
    pub(super) fn disconnect(&mut self, rank: u32, connection: u64, why: &str) {
        if self.members.get(&rank).is_some_and(|member| member.connection == connection) {
            self.members.remove(&rank);
            self.lose_rows(rank, why);
        }
    }

    fn lose_rows(&mut self, rank: u32, why: &str) {
        self.sessions.iter_mut().filter_map(|session| session.rows.get_mut(&rank)).for_each(|row| row.lose(why));
    }

    /// Returns the last state of every member, and the rows that the active session has lost.
    pub(super) fn status(&self, silent: &str) -> JobStatus {
        let writing = || self.sessions.iter().rev().find(|session| session.awaits_artifacts());
        let session = self.active().or_else(writing);
        let lost = session.into_iter().flat_map(|session| &session.rows);
        let lost = lost.filter(|(rank, _)| !self.members.contains_key(rank));
        let mut workers: BTreeMap<u32, WorkerStatus> = lost.map(|(rank, row)| (*rank, row.status.clone())).collect();
        for (rank, member) in &self.members {
            let said = member.said.clone();
            workers.insert(*rank, if member.asked.is_some() { said.with(WorkerState::Silent, silent) } else { said });
        }
        let last_session = self.sessions.iter().rev().find(|session| session.is_written()).map(JobSession::report);
        let session = session.map(|session| session.name.clone());
        JobStatus { session, workers: workers.into_values().collect(), last_session }
    }
}
