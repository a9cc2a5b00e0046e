//! The admission of workers: a thread that accepts connections, and one for each of them that reads
//! the worker's lines.
//!
//! Before a worker has shown its identity, it gets one short line, little time, and one of few
//! places: clients that reach the address can take up no more, and keep no worker out.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::member::{self, Member};
use super::shared::Shared;
use super::strangers::Strangers;
use crate::control::job::framing::LineReader;
use crate::control::job::link::{Listener, Stream};
use crate::control::job::report::Worker;
use crate::control::job::wire::{self, Answer, Greeting, Hello, MOST_HELLO, PROTOCOL};
use crate::control::threads;
use crate::logging;
use profiler_trace::text;

/// Time in which a connection has to send its first byte.
const FIRST_BYTE: Duration = Duration::from_secs(2);
/// Time in which it has to send its whole first line.
const WHOLE_HELLO: Duration = Duration::from_secs(10);
const THREAD: &str = "profiler-coordinator";

/// Accepts connections until the coordinator ends.
pub(super) fn open(shared: &Arc<Shared>, listener: Listener) -> io::Result<()> {
    let (shared, closed) = (Arc::clone(shared), listener.closed_in_child());
    let work = move || {
        let _closed = closed;
        let strangers = Arc::new(Strangers::new());
        while !shared.table().is_closed {
            match listener.accept() {
                Ok(stream) => let_in(&shared, stream, &strangers),
                Err(error) => {
                    strangers.tell("accept", &format!("it could not be taken in: {error}"));
                    // Out of descriptors, most likely: trying again at once would only burn a core.
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
    };
    threads::spawn(THREAD, work).map(drop)
}

fn let_in(shared: &Arc<Shared>, stream: Stream, strangers: &Arc<Strangers>) {
    let stranger = strangers.add(stream);
    let (shared, of_thread, here) = (Arc::clone(shared), Arc::clone(strangers), Arc::clone(&stranger));
    let closed = stranger.stream.closed_in_child();
    let work = move || {
        let _closed = closed;
        let mut lines = LineReader::default();
        let heard = first_line(&here.stream, &mut lines);
        of_thread.remove(&here);
        let kind = if heard.is_ok() { "refused" } else { "silent" };
        match greet(&shared, &here.stream, heard) {
            Ok((worker, connection)) => listen(&shared, &here.stream, lines, &worker, connection),
            // The coordinator itself has connected, in order to end.
            Err(_) if shared.table().is_closed => {}
            Err(reason) => of_thread.tell(kind, &reason),
        }
    };
    if let Err(error) = threads::spawn("profiler-coordinator-member", work) {
        strangers.remove(&stranger);
        strangers.tell("thread", &format!("there is no thread for it: {error}"));
    }
}

/// Returns the first line.
fn first_line(stream: &Stream, lines: &mut LineReader) -> io::Result<Vec<u8>> {
    let begin = Instant::now();
    lines.begin(stream, begin + FIRST_BYTE)?;
    lines.next(stream, MOST_HELLO, Some(begin + WHOLE_HELLO))
}

/// Admits the worker that sent this line, and replies to it; returns why not.
fn greet(shared: &Arc<Shared>, stream: &Arc<Stream>, heard: io::Result<Vec<u8>>) -> Result<(Worker, u64), String> {
    let admitted = heard.map_err(|error| error.to_string()).and_then(|line| admit(shared, stream, &line));
    let greeting = match &admitted {
        Ok(_) => Greeting::Welcome { protocol: PROTOCOL },
        Err(reason) => Greeting::Refused { reason: reason.clone() },
    };
    let said = wire::send(stream, &greeting);
    let (worker, connection, waiting) = admitted?;
    let sender = Arc::clone(stream);
    let send = move || member::send(&sender, &waiting);
    let sending =
        said.and_then(|()| threads::spawn("profiler-coordinator-sender", send).map_err(|error| error.to_string()));
    if let Err(reason) = sending {
        shared.change(|table| table.disconnect(worker.rank, connection, &reason));
        return Err(reason);
    }
    let Worker { name, rank, stage, pid, host } = &worker;
    logging::info!("`{name}` has joined: rank {rank}, stage {stage}, process {pid} on `{host}`");
    Ok((worker, connection))
}

/// Makes the worker that sent this line a member, if it may be one. Returns the worker, its
/// connection's number and the queue of lines for it.
fn admit(shared: &Shared, stream: &Arc<Stream>, line: &[u8]) -> Result<(Worker, u64, Receiver<Vec<u8>>), String> {
    let hello: Hello = wire::decode(line)?;
    let is_welcome = match (&shared.options.token, &hello.token) {
        (Some(token), Some(shown)) => token.is(shown.reveal().as_bytes()),
        (Some(_), None) => false,
        (None, _) => stream.is_local(),
    };
    if !is_welcome {
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
    let (member, waiting) = Member::new(hello.worker.clone(), Arc::clone(stream));
    let connection = shared.change(|table| table.admit(member, shared.options.start_late_joiners))?;
    Ok((hello.worker, connection, waiting))
}

/// Records a worker's answers until its connection ends.
fn listen(shared: &Shared, stream: &Stream, lines: LineReader, worker: &Worker, connection: u64) {
    let reason = lines.for_each(stream, |answer| {
        let answer: Answer = answer.map_err(|(_, wrong)| wrong)?;
        if let Some(session) = shared.change(|table| table.on_answer(worker.rank, connection, &answer)) {
            shared.publish_if_settled(&session);
        }
        Ok(())
    });
    // In this order: a caller that sees the connection end finds the place free.
    shared.change(|table| table.disconnect(worker.rank, connection, &reason));
    stream.close();
    logging::info!("`{}` (rank {}) is gone: {}", worker.name, worker.rank, text::plain(&reason));
}
