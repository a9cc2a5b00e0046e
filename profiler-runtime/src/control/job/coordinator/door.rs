//! How workers come in: a thread that accepts connections, and one for each of them that reads what the worker says.
//!
//! Before a worker has shown who it is, it gets one short line, little time, and one of few places: whoever reaches the
//! address can take up no more.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use super::Shared;
use super::member::{self, Member};
use crate::control::job::lines::Lines;
use crate::control::job::link::{Listener, PATIENCE, Stream};
use crate::control::job::report::Worker;
use crate::control::job::wire::{self, Answer, Greeting, Hello, MOST_HELLO, MOST_LINE, PROTOCOL};
use crate::logging;
use crate::record::ledger;

/// Connections that may be saying who they are at the same time.
const MOST_STRANGERS: usize = 64;
const THREAD: &str = "profiler-coordinator";

/// Accepts connections until the coordinator ends.
pub(super) fn open(shared: &Arc<Shared>, listener: Listener) -> std::io::Result<()> {
    let shared = Arc::clone(shared);
    let work = move || {
        let _own = ledger::own();
        let strangers = Arc::new(AtomicUsize::new(0));
        while !shared.table().is_closed {
            match listener.accept() {
                Ok(stream) => let_in(&shared, stream, &strangers),
                Err(error) => {
                    logging::warn!("the coordinator could not take in a connection: {error}");
                    // Out of descriptors, most likely: trying at once would only burn a core.
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
            }
        }
    };
    std::thread::Builder::new().name(THREAD.to_owned()).spawn(work).map(drop)
}

fn let_in(shared: &Arc<Shared>, stream: Stream, strangers: &Arc<AtomicUsize>) {
    if strangers.fetch_add(1, Ordering::SeqCst) >= MOST_STRANGERS {
        strangers.fetch_sub(1, Ordering::SeqCst);
        logging::warn!("the coordinator has closed a connection: {MOST_STRANGERS} others have not said who they are");
        return;
    }
    let (shared, of_thread) = (Arc::clone(shared), Arc::clone(strangers));
    let work = move || {
        let _own = ledger::own();
        let stream = Arc::new(stream);
        let mut lines = Lines::default();
        let greeted = greet(&shared, &stream, &mut lines);
        of_thread.fetch_sub(1, Ordering::SeqCst);
        match greeted {
            Ok(Some((worker, connection))) => listen(&shared, &stream, lines, &worker, connection),
            Ok(None) => {}
            Err(reason) => logging::warn!("nobody has joined by a connection to the coordinator: {reason}"),
        }
    };
    if let Err(error) = std::thread::Builder::new().name(format!("{THREAD}-member")).spawn(work) {
        strangers.fetch_sub(1, Ordering::SeqCst);
        logging::warn!("the coordinator has no thread for a connection: {error}");
    }
}

/// Hears who it is and takes it in; nobody if the coordinator itself has knocked, to end.
fn greet(shared: &Arc<Shared>, stream: &Arc<Stream>, lines: &mut Lines) -> Result<Option<(Worker, u64)>, String> {
    static CONNECTIONS: AtomicU64 = AtomicU64::new(1);
    if shared.table().is_closed {
        return Ok(None);
    }
    let admitted = (|| {
        let line =
            lines.next(stream, MOST_HELLO, Some(Instant::now() + PATIENCE)).map_err(|error| error.to_string())?;
        let hello: Hello = wire::decode(&line)?;
        let is_welcome = match (&shared.options.token, &hello.token) {
            (Some(token), Some(shown)) => token.is(shown),
            (Some(_), None) => false,
            (None, _) => stream.is_local(),
        };
        if !is_welcome {
            return Err(
                "the token is not the coordinator's: give both the same `PROFILER_COORDINATOR_TOKEN`".to_owned()
            );
        }
        if hello.protocol != PROTOCOL {
            return Err(format!(
                "it speaks protocol {}, the coordinator {PROTOCOL}: build both with the same version of \
                 `profiler-runtime`",
                hello.protocol
            ));
        }
        if !hello.worker.is_plain() {
            return Err("its name or host is empty, too long or no plain text".to_owned());
        }
        let connection = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
        let (member, waiting) = Member::new(hello.worker.clone(), connection, Arc::clone(stream));
        shared.change(|table| {
            // The worker must hear this before it is asked for anything; a line this short waits for nobody.
            table.admit(member, shared.options.start_late_joiners)
        })?;
        Ok((hello.worker, connection, waiting))
    })();
    let greeting = match &admitted {
        Ok(_) => Greeting::Welcome { protocol: PROTOCOL },
        Err(reason) => Greeting::Refused { reason: reason.clone() },
    };
    let said = wire::encode(&greeting).and_then(|line| (&**stream).write_all(&line).map_err(|error| error.to_string()));
    let (worker, connection, waiting) = admitted?;
    let sender = Arc::clone(stream);
    let sending = said.and_then(|()| {
        let thread = std::thread::Builder::new().name(format!("{THREAD}-sender"));
        thread.spawn(move || member::send(&sender, &waiting)).map_err(|error| error.to_string())
    });
    if let Err(reason) = sending {
        shared.change(|table| table.lose(worker.rank, connection, &reason));
        return Err(reason);
    }
    let Worker { name, rank, stage, pid, host } = &worker;
    logging::info!("`{name}` has joined: rank {rank}, stage {stage}, process {pid} on `{host}`");
    Ok(Some((worker, connection)))
}

/// Takes down what a worker says until its connection ends.
fn listen(shared: &Shared, stream: &Stream, mut lines: Lines, worker: &Worker, connection: u64) {
    let reason = loop {
        let line = match lines.next(stream, MOST_LINE, None) {
            Ok(line) => line,
            Err(error) => break error.to_string(),
        };
        match wire::decode::<Answer>(&line) {
            Ok(answer) => {
                let changed = shared.change(|table| table.hear(worker.rank, connection, &answer));
                if let Some(session) = changed {
                    shared.publish_if_settled(&session);
                }
            }
            Err(wrong) => break wrong,
        }
    };
    // In this order: who sees the connection end finds the place free.
    shared.change(|table| table.lose(worker.rank, connection, &reason));
    stream.close();
    logging::info!("`{}` (rank {}) is gone: {reason}", worker.name, worker.rank);
}
