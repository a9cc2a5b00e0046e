//! Accepts connections and authenticates workers: one thread accepts, and one per connection reads
//! the worker's lines.
//!
//! Until a worker is authenticated, it is limited to one short line, a short timeout and a fixed
//! number of pending connections. Clients that reach the address can use no more than that, and
//! keep no worker out.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::member::{self, Member};
use super::pending::PendingConnections;
use super::shared::Shared;
use crate::control::job::framing::LineReader;
use crate::control::job::link::{Listener, Stream};
use crate::control::job::report::Worker;
use crate::control::job::wire::{self, Answer, Greeting, Hello, MAX_HELLO, PROTOCOL};
use crate::control::threads;
use crate::logging;
use profiler_trace::text;

/// Timeout for the first byte of a connection.
const FIRST_BYTE: Duration = Duration::from_secs(2);
/// Timeout for the whole first line.
const WHOLE_HELLO: Duration = Duration::from_secs(10);
const THREAD: &str = "profiler-coordinator";

/// Starts the thread that accepts connections until the coordinator ends.
pub(super) fn spawn(shared: &Arc<Shared>, listener: Listener) -> io::Result<()> {
    let (shared, closed) = (Arc::clone(shared), listener.closed_in_child());
    let work = move || {
        let _closed = closed;
        let pending = Arc::new(PendingConnections::new());
        while !shared.table().is_closed {
            match listener.accept() {
                Ok(stream) => handle(&shared, stream, &pending),
                Err(error) => {
                    pending.log_failure("accept", &format!("it could not be accepted: {error}"));
                    // Descriptors have probably run out: retrying at once would only burn a core.
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
    };
    threads::spawn(THREAD, work).map(drop)
}

/// Starts a thread for a connection, which performs the handshake and then reads answers.
fn handle(shared: &Arc<Shared>, stream: Stream, pending: &Arc<PendingConnections>) {
    let connection = pending.add(stream);
    let (shared, all, own) = (Arc::clone(shared), Arc::clone(pending), Arc::clone(&connection));
    let closed = connection.stream.closed_in_child();
    let work = move || {
        let _closed = closed;
        let mut lines = LineReader::default();
        let line = first_line(&own.stream, &mut lines);
        all.remove(&own);
        let kind = if line.is_ok() { "refused" } else { "silent" };
        match handshake(&shared, &own.stream, line) {
            Ok((worker, number)) => read_answers(&shared, &own.stream, lines, &worker, number),
            // The coordinator itself has connected, to unblock `accept`.
            Err(_) if shared.table().is_closed => {}
            Err(reason) => all.log_failure(kind, &reason),
        }
    };
    if let Err(error) = threads::spawn("profiler-coordinator-member", work) {
        pending.remove(&connection);
        pending.log_failure("thread", &format!("there is no thread for it: {error}"));
    }
}

/// Reads the first line, with its timeouts.
fn first_line(stream: &Stream, lines: &mut LineReader) -> io::Result<Vec<u8>> {
    let begin = Instant::now();
    lines.begin(stream, begin + FIRST_BYTE)?;
    lines.next(stream, MAX_HELLO, Some(begin + WHOLE_HELLO))
}

/// Admits the worker that sent the first line and replies; returns the reason if it is refused.
fn handshake(shared: &Arc<Shared>, stream: &Arc<Stream>, line: io::Result<Vec<u8>>) -> Result<(Worker, u64), String> {
    let admitted = line.map_err(|error| error.to_string()).and_then(|line| admit(shared, stream, &line));
    let greeting = match &admitted {
        Ok(_) => Greeting::Welcome { protocol: PROTOCOL },
        Err(reason) => Greeting::Refused { reason: reason.clone() },
    };
    let replied = wire::send(stream, &greeting);
    let (worker, connection, queue) = admitted?;
    let sender = Arc::clone(stream);
    let send = move || member::write_queue(&sender, &queue);
    let sending =
        replied.and_then(|()| threads::spawn("profiler-coordinator-sender", send).map_err(|error| error.to_string()));
    if let Err(reason) = sending {
        shared.change(|table| table.disconnect(worker.rank, connection, &reason));
        return Err(reason);
    }
    let Worker { name, rank, stage, pid, host } = &worker;
    logging::info!("`{name}` has joined: rank {rank}, stage {stage}, process {pid} on `{host}`");
    Ok((worker, connection))
}

/// Authenticates the worker that sent this line and adds it to the table. Returns the worker, the
/// number of its connection and the queue of lines for it.
fn admit(shared: &Shared, stream: &Arc<Stream>, line: &[u8]) -> Result<(Worker, u64, Receiver<Vec<u8>>), String> {
    let hello: Hello = wire::decode(line)?;
    let is_authenticated = match (&shared.options.token, &hello.token) {
        (Some(token), Some(shown)) => token.matches(shown.reveal().as_bytes()),
        (Some(_), None) => false,
        (None, _) => stream.is_local(),
    };
    if !is_authenticated {
        return Err("the token is not the coordinator's: give both the same `PROFILER_COORDINATOR_TOKEN`".to_owned());
    }
    if hello.protocol != PROTOCOL {
        return Err(format!(
            "it speaks protocol {}, the coordinator {PROTOCOL}: build both with the same version of `profiler-runtime`",
            hello.protocol
        ));
    }
    if !hello.worker.is_plain() {
        return Err("its name or host is empty, too long or no plain text".to_owned());
    }
    let (member, queue) = Member::new(hello.worker.clone(), Arc::clone(stream));
    let connection = shared.change(|table| table.admit(member, shared.options.start_late_joiners))?;
    Ok((hello.worker, connection, queue))
}

/// Handles a worker's answers until its connection ends.
fn read_answers(shared: &Shared, stream: &Stream, lines: LineReader, worker: &Worker, connection: u64) {
    let reason = lines.for_each(stream, |answer| {
        let answer: Answer = answer.map_err(|(_, wrong)| wrong)?;
        if let Some(session) = shared.change(|table| table.on_answer(worker.rank, connection, &answer)) {
            shared.write_journal_if_settled(&session);
        }
        Ok(())
    });
    // In this order, so that the rank is free once a caller sees the connection end.
    shared.change(|table| table.disconnect(worker.rank, connection, &reason));
    stream.close();
    logging::info!("`{}` (rank {}) is gone: {}", worker.name, worker.rank, text::plain(&reason));
}
