//! A worker process: it looks for its coordinator, and obeys it.
//!
//! One background thread connects, obeys and connects again, so a coordinator may come later than
//! its workers, go, and come back. While there is none, the program runs on: a session that the
//! coordinator has started is ended and written, because nobody would be left to stop it and a
//! recording without an end fills its memory. Nothing here fails the program; failures are logged,
//! each reason once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::address::{self, Address, LinkError};
use super::framing::LineReader;
use super::handler::{Outcome, Sessions, written};
use super::link::{PATIENCE, Stream};
use super::local::this_worker;
use super::report::FailureCode;
use super::wire::{self, Answer, Failure, Greeting, Hello, MOST_HELLO, Order, PROTOCOL};
use crate::control::threads;
use crate::control::token::Token;
use crate::logging;
use crate::session::{self, ExportHandle};
use profiler_core::memory::ledger;
use profiler_core::process::{PerProcess, Stamp};
use profiler_core::site::pinned;
use profiler_trace::text;

/// Name of the thread that obeys.
const THREAD: &str = "profiler-worker";
/// Variable with the coordinator's address.
pub(crate) const COORDINATOR: &str = "PROFILER_COORDINATOR";
/// Pause before the first new attempt to connect, and the longest pause.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// True if this process has joined: it has one coordinator.
static JOINED: PerProcess<AtomicBool> = PerProcess::new(|_| AtomicBool::new(false));

/// A place in a job, until it is dropped: then a session that the coordinator has started is
/// stopped, its artifacts are waited for, and the coordinator is told.
#[derive(Debug)]
#[must_use = "the worker leaves the job when this is dropped"]
pub struct WorkerHandle {
    worker: Arc<Joined>,
    process: Stamp,
}

#[derive(Debug)]
struct Joined {
    address: Address,
    token: Option<Token>,
    sessions: Mutex<Sessions>,
    link: Mutex<Link>,
    /// Signals that the worker leaves.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Link {
    stream: Option<Arc<Stream>>,
    is_leaving: bool,
}

/// Makes this process a worker: from now on a coordinator at `address` (`unix:/path`,
/// `tcp://host:port`) starts and stops sessions in it. The token comes from
/// `PROFILER_COORDINATOR_TOKEN`, or from the file that `PROFILER_COORDINATOR_TOKEN_FILE` names.
///
/// Returns at once: a background thread connects, and tries again for as long as the coordinator is
/// not there. [`profile_from_env`](crate::profile_from_env) does this by itself when
/// `PROFILER_COORDINATOR` holds the address.
///
/// # Errors
///
/// Returns an error only if there is nothing to connect to: the address is none, there is no token
/// for TCP, the process has joined already, or there is no thread.
pub fn join(address: &str) -> Result<WorkerHandle, LinkError> {
    let token = address::token_from_env(|name| std::env::var_os(name))?;
    let address = Address::given(address, token.is_some())?;
    if JOINED.swap(true, Ordering::SeqCst) {
        return Err(LinkError::AlreadyJoined);
    }
    pinned::pin_this_library();
    let (sessions, link) = (Mutex::default(), Mutex::default());
    let worker = Arc::new(Joined { address, token, sessions, link, changed: Condvar::new() });
    let membership = WorkerHandle { worker: Arc::clone(&worker), process: Stamp::here() };
    threads::spawn(THREAD, move || worker.run()).map_err(|source| LinkError::Thread { source: Arc::new(source) })?;
    Ok(membership)
}

/// Calls [`join`] with the address in `PROFILER_COORDINATOR`, if there is one.
pub(crate) fn join_from_env() -> Option<Result<WorkerHandle, LinkError>> {
    let address = std::env::var_os(COORDINATOR).filter(|address| !address.is_empty())?;
    Some(join(&address.to_string_lossy()))
}

/// Returns variables for the environment of a process that should join.
pub(super) fn environment(address: &Address, token: Option<&Token>) -> Vec<(&'static str, String)> {
    let token = token.map(|token| (address::TOKEN, token.reveal().to_owned()));
    [(COORDINATOR, address.to_string())].into_iter().chain(token).collect()
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        let _own = ledger::own();
        if self.process.is_foreign() {
            // The place in the job is the parent's, and so is the connection.
            return;
        }
        let _held = logging::hold();
        let last_answers = self.worker.sessions().close();
        let mut link = self.worker.link();
        link.is_leaving = true;
        if let Some(stream) = link.stream.take() {
            for answer in last_answers {
                say(&stream, &answer);
            }
            stream.close();
        }
        drop(link);
        self.worker.changed.notify_all();
        JOINED.store(false, Ordering::SeqCst);
    }
}

impl Joined {
    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(self: &Arc<Self>) {
        let (mut pause, mut known_reason) = (BACKOFF.0, String::new());
        loop {
            match self.connect() {
                Ok((stream, lines)) => {
                    logging::info!("joined the profiler's coordinator at `{}`", self.address);
                    (pause, known_reason) = (BACKOFF.0, String::new());
                    self.serve(&stream, lines);
                }
                Err(reason) => {
                    if reason != known_reason {
                        logging::warn!("the profiler's coordinator at `{}`: {reason}; trying again", self.address);
                    }
                    known_reason = reason;
                }
            }
            let link = self.link();
            let waits = self.changed.wait_timeout_while(link, pause, |link| !link.is_leaving);
            if waits.unwrap_or_else(PoisonError::into_inner).0.is_leaving {
                return;
            }
            pause = (pause * 2).min(BACKOFF.1);
        }
    }

    /// Connects and introduces this worker.
    fn connect(&self) -> Result<(Arc<Stream>, LineReader), String> {
        let stream = Stream::connect(&self.address).map_err(|error| format!("cannot connect: {error}"))?;
        let local_rank = session::this_rank().0.local_rank;
        let hello = Hello { protocol: PROTOCOL, worker: this_worker(), local_rank, token: self.token.clone() };
        wire::send(&stream, &hello)?;
        let (mut lines, deadline) = (LineReader::default(), Instant::now() + PATIENCE);
        let line = lines.next(&stream, MOST_HELLO, Some(deadline)).map_err(|error| error.to_string())?;
        match wire::decode(&line)? {
            Greeting::Refused { reason } => return Err(format!("this worker is refused: {}", text::plain(&reason))),
            Greeting::Welcome { protocol } if protocol == PROTOCOL => {}
            Greeting::Welcome { protocol } => {
                return Err(format!(
                    "it speaks protocol {protocol}, this worker {PROTOCOL}: build both with the same version of \
                     `profiler-runtime`"
                ));
            }
        }
        let stream = Arc::new(stream);
        let mut link = self.link();
        if link.is_leaving {
            return Err("this worker leaves".to_owned());
        }
        link.stream = Some(Arc::clone(&stream));
        Ok((stream, lines))
    }

    /// Obeys until the connection ends.
    fn serve(self: &Arc<Self>, stream: &Arc<Stream>, lines: LineReader) {
        let _closed = stream.closed_in_child();
        let reason = lines.for_each(stream, |order| {
            match order {
                Ok(order) => self.carry_out(stream, order),
                Err((Some(id), wrong)) => {
                    self.tell(stream, &Answer::failed(id, None, Failure::new(FailureCode::BadRequest, wrong)));
                }
                Err((None, wrong)) => return Err(wrong),
            }
            Ok(())
        });
        stream.close();
        let mut link = self.link();
        link.stream = None;
        let is_leaving = link.is_leaving;
        drop(link);
        if is_leaving {
            return;
        }
        let held = logging::hold();
        let ended = self.sessions().end();
        drop(held);
        match ended {
            Some(session) => logging::warn!(
                "the profiler's coordinator is gone ({reason}): its session `{session}` is ended and written; looking for \
                 it again"
            ),
            None => logging::info!("the profiler's coordinator is gone ({reason}): looking for it again"),
        }
    }

    fn carry_out(self: &Arc<Self>, stream: &Arc<Stream>, order: Order) {
        let id = order.id;
        let held = logging::hold();
        let outcome = self.sessions().handle(id, order.request);
        drop(held);
        match outcome {
            Outcome::Now(answer) => self.tell(stream, &answer),
            Outcome::WhenWritten(handle) => self.tell_when_written(stream, id, handle),
        }
    }

    /// Sends an answer; answers that may not have arrived are sent again at the end.
    fn tell(&self, stream: &Stream, answer: &Answer) {
        if say(stream, answer) {
            self.sessions().told(answer);
        }
    }

    /// Sends an answer from a thread of its own, because the artifacts may take long.
    fn tell_when_written(self: &Arc<Self>, stream: &Arc<Stream>, id: u64, handle: ExportHandle) {
        let session = Some(handle.session().to_string());
        let (worker, waiting) = (Arc::clone(self), Arc::clone(stream));
        let work = move || worker.tell(&waiting, &written(id, &handle));
        if let Err(error) = threads::spawn("profiler-worker-flush", work) {
            let failure = Failure::new(FailureCode::Thread, format!("cannot start a thread: {error}"));
            say(stream, &Answer::failed(id, session, failure));
        }
    }
}

/// Sends an answer whole; false if that fails: such a connection is at its end.
fn say(stream: &Stream, answer: &Answer) -> bool {
    /// Lock for one line at a time, from any thread.
    static TURN: PerProcess<Mutex<()>> = PerProcess::new(|_| Mutex::default());
    let _held = logging::hold();
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let sent = wire::send(stream, answer);
    if let Err(reason) = &sent {
        logging::warn!("cannot answer the profiler's coordinator: {reason}");
        stream.close();
    }
    sent.is_ok()
}
