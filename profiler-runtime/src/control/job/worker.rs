//! A worker process: connects to its coordinator and handles its requests.
//!
//! One background thread connects, handles requests and connects again, so a coordinator may start
//! after its workers, end, and come back. When the connection is lost, the program keeps running. A
//! session that the coordinator has started is then stopped and written, because without its
//! coordinator it would never be stopped and would fill its memory. Nothing here fails the program;
//! a failure is logged unless its reason repeats.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::address::{self, Address, LinkError};
use super::framing::LineReader;
use super::handler::{Outcome, Sessions, written};
use super::link::{Stream, TIMEOUT};
use super::local::this_worker;
use super::report::FailureCode;
use super::wire::{self, Answer, Failure, Greeting, Hello, MAX_HELLO, Order, PROTOCOL};
use crate::control::threads;
use crate::control::token::Token;
use crate::logging;
use crate::session::{self, ExportHandle};
use profiler_core::memory::ledger;
use profiler_core::process::{PerProcess, Stamp};
use profiler_core::site::pinned;
use profiler_trace::text;

/// Name of the thread that handles requests.
const THREAD: &str = "profiler-worker";
/// Variable with the coordinator's address.
pub(crate) const COORDINATOR: &str = "PROFILER_COORDINATOR";
/// First and longest pause between two attempts to connect.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// True if this process has joined a coordinator; it can join only one.
static JOINED: PerProcess<AtomicBool> = PerProcess::new(|_| AtomicBool::new(false));

/// A worker's membership in a job. Dropping it stops a session that the coordinator has started,
/// waits for its artifacts, and sends the outcome to the coordinator.
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
    /// Signals that the worker is leaving.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Link {
    stream: Option<Arc<Stream>>,
    is_leaving: bool,
}

/// Makes this process a worker: from now on, a coordinator at `address` (`unix:/path`,
/// `tcp://host:port`) starts and stops sessions in it. The token is read from
/// `PROFILER_COORDINATOR_TOKEN`, or from the file that `PROFILER_COORDINATOR_TOKEN_FILE` names.
///
/// Returns at once: a background thread connects, and retries while there is no coordinator.
/// [`profile_from_env`](crate::profile_from_env) calls this if `PROFILER_COORDINATOR` contains the
/// address.
///
/// # Errors
///
/// Returns an error only if the worker could never connect: the address is invalid, TCP has no
/// token, the process has already joined, or the thread cannot be started.
pub fn join(address: &str) -> Result<WorkerHandle, LinkError> {
    let token = address::token_from_env(|name| std::env::var_os(name))?;
    let address = Address::parse_with_token(address, token.is_some())?;
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

/// Calls [`join`] with the address in `PROFILER_COORDINATOR`, if it is set.
pub(crate) fn join_from_env() -> Option<Result<WorkerHandle, LinkError>> {
    let address = std::env::var_os(COORDINATOR).filter(|address| !address.is_empty())?;
    Some(join(&address.to_string_lossy()))
}

/// Returns the environment variables for a process that should join.
pub(super) fn environment(address: &Address, token: Option<&Token>) -> Vec<(&'static str, String)> {
    let token = token.map(|token| (address::TOKEN, token.reveal().to_owned()));
    [(COORDINATOR, address.to_string())].into_iter().chain(token).collect()
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        let _own = ledger::own();
        if self.process.is_foreign() {
            // The membership and the connection belong to the parent.
            return;
        }
        let _held = logging::hold();
        let final_answers = self.worker.sessions().close();
        let mut link = self.worker.link();
        link.is_leaving = true;
        if let Some(stream) = link.stream.take() {
            for answer in final_answers {
                send(&stream, &answer);
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
        let (mut pause, mut last_reason) = (BACKOFF.0, String::new());
        loop {
            match self.connect() {
                Ok((stream, lines)) => {
                    logging::info!("joined the profiler's coordinator at `{}`", self.address);
                    (pause, last_reason) = (BACKOFF.0, String::new());
                    self.serve(&stream, lines);
                }
                Err(reason) => {
                    if reason != last_reason {
                        logging::warn!("the profiler's coordinator at `{}`: {reason}; trying again", self.address);
                    }
                    last_reason = reason;
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

    /// Connects and performs the handshake.
    fn connect(&self) -> Result<(Arc<Stream>, LineReader), String> {
        let stream = Stream::connect(&self.address).map_err(|error| format!("cannot connect: {error}"))?;
        let local_rank = session::this_rank().0.local_rank;
        let hello = Hello { protocol: PROTOCOL, worker: this_worker(), local_rank, token: self.token.clone() };
        wire::send(&stream, &hello)?;
        let (mut lines, deadline) = (LineReader::default(), Instant::now() + TIMEOUT);
        let line = lines.next(&stream, MAX_HELLO, Some(deadline)).map_err(|error| error.to_string())?;
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

    /// Handles requests until the connection ends.
    fn serve(self: &Arc<Self>, stream: &Arc<Stream>, lines: LineReader) {
        let _closed = stream.closed_in_child();
        let reason = lines.for_each(stream, |order| {
            match order {
                Ok(order) => self.handle(stream, order),
                Err((Some(id), wrong)) => {
                    self.answer(stream, &Answer::failed(id, None, Failure::new(FailureCode::BadRequest, wrong)));
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

    fn handle(self: &Arc<Self>, stream: &Arc<Stream>, order: Order) {
        let id = order.id;
        let held = logging::hold();
        let outcome = self.sessions().handle(id, order.request);
        drop(held);
        match outcome {
            Outcome::Now(answer) => self.answer(stream, &answer),
            Outcome::WhenWritten(handle) => self.answer_when_written(stream, id, handle),
        }
    }

    /// Sends an answer; one that may not have arrived is sent again when the worker leaves.
    fn answer(&self, stream: &Stream, answer: &Answer) {
        if send(stream, answer) {
            self.sessions().mark_delivered(answer);
        }
    }

    /// Sends an answer from a new thread, because the artifacts may take long.
    fn answer_when_written(self: &Arc<Self>, stream: &Arc<Stream>, id: u64, handle: ExportHandle) {
        let session = Some(handle.session().to_string());
        let (worker, stream_of_thread) = (Arc::clone(self), Arc::clone(stream));
        let work = move || worker.answer(&stream_of_thread, &written(id, &handle));
        if let Err(error) = threads::spawn("profiler-worker-flush", work) {
            let failure = Failure::new(FailureCode::Thread, format!("cannot start a thread: {error}"));
            send(stream, &Answer::failed(id, session, failure));
        }
    }
}

/// Sends a complete answer; returns false if the connection is broken.
fn send(stream: &Stream, answer: &Answer) -> bool {
    /// Lock for writing one line at a time.
    static WRITING: PerProcess<Mutex<()>> = PerProcess::new(|_| Mutex::default());
    let _held = logging::hold();
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let sent = wire::send(stream, answer);
    if let Err(reason) = &sent {
        logging::warn!("cannot answer the profiler's coordinator: {reason}");
        stream.close();
    }
    sent.is_ok()
}
