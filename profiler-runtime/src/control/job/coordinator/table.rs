//! Who has joined, and what became of the sessions: everything that the coordinator's lock guards.
//!
//! Changes come from three sides: whoever starts and stops, the threads that read answers, and connections that come and
//! go. Nothing here waits; requests go into queues.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

use serde_json::Value;

use super::job_session::{Awaited, Line, Record};
use super::member::Member;
use crate::control::job::report::{ControlError, JobStatus, Worker, WorkerState, WorkerStatus};
use crate::control::job::wire::{Answer, Request, UNASKED};
use crate::control::job::{REMEMBERED, Selection};

/// Members and sessions.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) members: BTreeMap<u32, Member>,
    /// Oldest first.
    records: VecDeque<Record>,
    /// The session that was started and not stopped.
    pub(super) active: Option<String>,
    /// The coordinator ends.
    pub(super) is_closed: bool,
    last_id: u64,
}

impl Table {
    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        debug_assert!(self.last_id > UNASKED);
        self.last_id
    }

    /// Returns whether a session may start.
    ///
    /// # Errors
    ///
    /// Another one runs, nobody is there, or nobody of a stage that is selected.
    pub(super) fn may_start(&self, selection: &Selection) -> Result<(), ControlError> {
        if let Some(session) = &self.active {
            return Err(ControlError::AlreadyActive { session: session.clone() });
        }
        if self.members.is_empty() {
            return Err(ControlError::NoWorkers);
        }
        let mut known: Vec<u32> = self.members.values().map(|member| member.worker.stage).collect();
        known.sort_unstable();
        known.dedup();
        match selection.stages.iter().find(|stage| !known.contains(stage)) {
            Some(&stage) => Err(ControlError::NoSuchStage { stage, known }),
            None => Ok(()),
        }
    }

    pub(super) fn record(&self, session: &str) -> Option<&Record> {
        self.records.iter().find(|record| record.session == session)
    }

    pub(super) fn record_mut(&mut self, session: &str) -> Option<&mut Record> {
        self.records.iter_mut().find(|record| record.session == session)
    }

    fn active_record(&mut self) -> Option<&mut Record> {
        let active = self.active.clone()?;
        self.record_mut(&active)
    }

    /// A session begins: every selected member is told.
    pub(super) fn begin(&mut self, session: String, folder: Option<PathBuf>, selection: &Selection, config: Value) {
        let (lines, selection) = (BTreeMap::new(), selection.clone());
        let record =
            Record { session: session.clone(), folder, selection, config, is_stopped: false, lines, frontend: None };
        self.active = Some(session);
        self.records.push_back(record);
        if self.records.len() > REMEMBERED {
            self.records.pop_front();
        }
        for rank in self.members.keys().copied().collect::<Vec<_>>() {
            self.start(rank);
        }
    }

    /// Tells a member to start the active session, if that selects it.
    pub(super) fn start(&mut self, rank: u32) {
        let id = self.next_id();
        let Some(active) = self.active.clone() else { return };
        let Some(record) = self.records.iter_mut().find(|record| record.session == active) else { return };
        let Some(member) = self.members.get_mut(&rank) else { return };
        if !record.selection.selects_stage(member.worker.stage) {
            return;
        }
        let mut line = Line::new(member.worker.clone(), member.connection);
        if member.is_silent {
            line.fail(WorkerState::Silent, "it was not asked: it has not answered an earlier request yet");
        } else {
            let (config, places) = (record.config.clone(), record.selection.wishes.places());
            match member.ask(id, Request::Start { session: active, config, places }) {
                Ok(()) => line.ask(id),
                Err(why) => line.fail(WorkerState::Failed, why),
            }
        }
        record.lines.insert(rank, line);
    }

    /// The session ends: everybody who may be recording it is told.
    pub(super) fn end(&mut self, session: &str) {
        if self.active.as_deref() == Some(session) {
            self.active = None;
        }
        let Self { records, members, last_id, .. } = self;
        let Some(record) = records.iter_mut().find(|record| record.session == session) else { return };
        record.is_stopped = true;
        for (rank, line) in record.lines.iter_mut().filter(|(_, line)| line.may_run()) {
            let Some(member) = members.get_mut(rank).filter(|member| member.is(&line.status.worker)) else { continue };
            *last_id += 1;
            match member.ask(*last_id, Request::Stop { session: session.to_owned() }) {
                Ok(()) => {
                    line.ask(*last_id);
                    line.connection = member.connection;
                }
                Err(why) => {
                    line.fail(WorkerState::Silent, why);
                    // Without its coordinator a worker ends the session by itself.
                    member.close();
                }
            }
        }
    }

    /// Waits no longer for the answers to a start or stop.
    pub(super) fn silence(&mut self, session: &str, why: &str) {
        let Self { records, members, .. } = self;
        let Some(record) = records.iter_mut().find(|record| record.session == session) else { return };
        for (rank, line) in record.lines.iter_mut().filter(|(_, line)| line.awaits_order()) {
            line.fail(WorkerState::Silent, why);
            if let Some(member) = members.get_mut(rank).filter(|member| member.connection == line.connection) {
                member.is_silent = true;
            }
        }
    }

    /// Asks every member what it does; who has not answered the last time is not asked again.
    pub(super) fn ask_all(&mut self) {
        let Self { members, last_id, active, .. } = self;
        for member in members.values_mut().filter(|member| member.asked.is_none()) {
            *last_id += 1;
            if let Err(why) = member.ask(*last_id, Request::Status { session: active.clone() }) {
                member.said = member.said.clone().with(WorkerState::Silent, why);
            }
        }
    }

    /// A worker has said something. Returns the session whose report has changed.
    pub(super) fn hear(&mut self, rank: u32, connection: u64, answer: &Answer) -> Option<String> {
        let member = self.members.get_mut(&rank).filter(|member| member.connection == connection)?;
        member.is_silent = false;
        if member.asked == Some(answer.id) {
            member.asked = None;
        }
        member.said = WorkerStatus {
            recorded_iterations: answer.recorded_iterations,
            lost_ranges: answer.lost_ranges,
            artifacts: answer.artifacts.clone(),
            ..WorkerStatus::new(member.worker.clone(), answer.state)
        };
        let record = self.records.iter_mut().find(|record| {
            // A line that the worker does not understand is answered without a session.
            let awaits = |line: &Line| line.awaits == Some(Awaited::Order(answer.id));
            answer.session.as_ref() == Some(&record.session) || record.lines.get(&rank).is_some_and(awaits)
        })?;
        let line = record.lines.get_mut(&rank)?;
        line.hear(answer);
        if answer.state == WorkerState::Writing && record.is_stopped && line.awaits.is_none() {
            self.last_id += 1;
            let (id, session) = (self.last_id, record.session.clone());
            match member.ask(id, Request::Flush { session }) {
                Ok(()) => line.awaits = Some(Awaited::Flush(id)),
                Err(why) => line.fail(WorkerState::Silent, why),
            }
        }
        Some(record.session.clone())
    }

    /// Takes in a worker, or says why not.
    pub(super) fn admit(&mut self, member: Member, starts_late: bool) -> Result<(), String> {
        let worker = member.worker.clone();
        if self.is_closed {
            return Err("the coordinator ends".to_owned());
        }
        if let Some(other) = self.members.get(&worker.rank).filter(|other| !other.is(&worker)) {
            let Worker { name, pid, host, .. } = &other.worker;
            return Err(format!(
                "rank {} has joined already: `{name}`, process {pid} on `{host}`; give each worker a `RANK` of its own",
                worker.rank
            ));
        }
        let (rank, stage, connection) = (worker.rank, worker.stage, member.connection);
        // The same process again: its old connection is of no use to anyone.
        if let Some(old) = self.members.insert(rank, member) {
            old.close();
            self.lose_lines(rank, old.connection, "it has joined anew");
        }
        let is_new = |record: &Record| record.selection.selects_stage(stage) && !record.lines.contains_key(&rank);
        let Some(record) = self.active_record().filter(|record| is_new(record)) else { return Ok(()) };
        let mut line = Line::new(worker, connection);
        line.fail(WorkerState::Idle, "it joined while the session was active: it records from the next one on");
        record.lines.insert(rank, line);
        if starts_late {
            self.start(rank);
        }
        Ok(())
    }

    /// A connection has ended.
    pub(super) fn lose(&mut self, rank: u32, connection: u64, why: &str) {
        if self.members.get(&rank).is_some_and(|member| member.connection == connection) {
            self.members.remove(&rank);
        }
        self.lose_lines(rank, connection, why);
    }

    fn lose_lines(&mut self, rank: u32, connection: u64, why: &str) {
        for record in &mut self.records {
            if let Some(line) = record.lines.get_mut(&rank).filter(|line| line.connection == connection) {
                line.lose(why);
            }
        }
    }

    /// What every member has said last, and those that the active session has lost.
    pub(super) fn status(&self, silent: &str) -> JobStatus {
        let writes = |record: &&Record| record.awaits_artifacts();
        let writing = || self.records.iter().rev().find(writes).map(|record| record.session.clone());
        let session = self.active.clone().or_else(writing);
        let lost = session.as_deref().and_then(|session| self.record(session)).into_iter();
        let lost = lost.flat_map(|record| &record.lines).filter(|(rank, _)| !self.members.contains_key(rank));
        let mut workers: BTreeMap<u32, WorkerStatus> = lost.map(|(rank, line)| (*rank, line.status.clone())).collect();
        for (rank, member) in &self.members {
            let said = member.said.clone();
            workers.insert(*rank, if member.asked.is_some() { said.with(WorkerState::Silent, silent) } else { said });
        }
        let last_session = self.records.iter().rev().find(|record| record.is_written()).map(Record::report);
        JobStatus { session, workers: workers.into_values().collect(), last_session }
    }
}
