//! A worker as the server sees it: a child process with its orders, answers and state.
//!
//! A thread reads the worker's messages, so that its end is noticed at once, even without an order.
//! Every wait for a worker has a timeout, except for the loading of the model.

use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::wire::{self, Answer, Order};

/// Timeout for a worker to write its artifacts and exit, once it is told to.
const EXIT_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for which a process may outlive its connection.
const EXIT_GRACE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(10);

/// State of a worker, as `/health` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct WorkerStatus {
    pub(super) name: String,
    pub(super) rank: usize,
    pub(super) pid: u32,
    pub(super) state: State,
    /// Reason for which the worker was lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Loading,
    Ready,
    Lost,
}

/// State of a worker, shared with the endpoints.
pub(super) type Shared = Arc<Mutex<WorkerStatus>>;

/// A worker's message and its payload.
type Message = (Answer, Vec<u8>);

/// A worker process, which ends when this is dropped.
pub(super) struct Worker {
    status: Shared,
    server: UnixStream,
    messages: Receiver<Message>,
    listener: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts `command` as the worker of this rank.
    pub(super) fn spawn(mut command: Command, rank: usize) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        // In a process group of its own, because Ctrl-C is for the server, which lets its workers
        // finish.
        let child = command.stdin(Stdio::from(OwnedFd::from(theirs))).process_group(0).spawn()?;
        let (name, pid) = (format!("diffusion_rank_{rank}"), child.id());
        let status = WorkerStatus { name, rank, pid, state: State::Loading, reason: None };
        let status: Shared = Arc::new(Mutex::new(status));
        let (sender, messages) = mpsc::channel();
        let reader = Reader { stream: ours.try_clone()?, child, status: Arc::clone(&status) };
        let listener = thread::Builder::new().name(format!("rank {rank}")).spawn(move || reader.listen(&sender))?;
        Ok(Self { status, server: ours, messages, listener: Some(listener) })
    }

    pub(super) fn status(&self) -> Shared {
        Arc::clone(&self.status)
    }

    pub(super) fn lifeline(&self) -> io::Result<Lifeline> {
        self.server.try_clone().map(Lifeline)
    }

    pub(super) fn is_ready(&self) -> bool {
        lock(&self.status).state == State::Ready
    }

    /// Waits, without a timeout, until the model is loaded.
    ///
    /// # Errors
    /// The reason why the model cannot be loaded, as a sentence.
    pub(super) fn wait_until_ready(&self) -> Result<(), String> {
        match self.messages.recv() {
            Ok((Answer::Ready, _)) => {
                lock(&self.status).state = State::Ready;
                Ok(())
            }
            Ok((Answer::Unusable { why }, _)) => Err(why),
            Ok((other, _)) => Err(format!("the worker began with {other:?}")),
            Err(_) => Err(self.reason()),
        }
    }

    /// Sends an order. If the worker has ended, [`Worker::answer`] reports it.
    pub(super) fn order(&mut self, order: &Order, pixels: &[u8]) {
        let _ = wire::send(&mut self.server, order, pixels);
    }

    /// Waits for the answer to order `number`.
    ///
    /// # Errors
    /// The reason why there is none, as a sentence: the worker has ended, or has not answered by
    /// `deadline` and is ended.
    pub(super) fn answer(&mut self, number: u64, deadline: Instant) -> Result<Message, String> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.messages.recv_timeout(left) {
                Ok(message) if message.0.number() == Some(number) => return Ok(message),
                // The answer to an order that was given up.
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(self.reason()),
                Err(RecvTimeoutError::Timeout) => {
                    let name = lock(&self.status).name.clone();
                    mark_lost(&self.status, format!("`{name}` did not answer in time and was ended"));
                    let _ = self.server.shutdown(Shutdown::Both);
                    return Err(self.reason());
                }
            }
        }
    }

    fn reason(&self) -> String {
        lock(&self.status).reason.clone().unwrap_or_else(|| "the worker has ended".to_owned())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Closing the worker's standard input ends it, after it has finished its order and written
        // its artifacts.
        let _ = self.server.shutdown(Shutdown::Write);
        let Some(listener) = self.listener.take() else { return };
        let deadline = Instant::now() + EXIT_TIMEOUT;
        while !listener.is_finished() && Instant::now() < deadline {
            thread::sleep(POLL);
        }
        let _ = self.server.shutdown(Shutdown::Both);
        let _ = listener.join();
    }
}

/// Handle that ends a worker while another thread waits for it.
pub(super) struct Lifeline(UnixStream);

impl Lifeline {
    /// Ends the worker, whatever it is doing.
    pub(super) fn cut(&self) {
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// State of the thread that reads a worker's messages.
struct Reader {
    stream: UnixStream,
    child: Child,
    status: Shared,
}

impl Reader {
    fn listen(mut self, messages: &Sender<Message>) {
        while let Ok(message) = wire::receive(&mut self.stream) {
            if messages.send(message).is_err() {
                break;
            }
        }
        let name = lock(&self.status).name.clone();
        let how = match self.end() {
            Some(status) => format!("`{name}` has ended: {status}"),
            None => format!("`{name}` has closed its connection and was ended"),
        };
        mark_lost(&self.status, how);
    }

    /// Returns the process's exit status, or kills it after a grace period and returns `None`.
    fn end(&mut self) -> Option<std::process::ExitStatus> {
        let deadline = Instant::now() + EXIT_GRACE;
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) => thread::sleep(POLL),
                Err(_) => break,
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        None
    }
}

/// Marks a worker as lost, and keeps the first reason.
fn mark_lost(status: &Shared, reason: String) {
    let mut status = lock(status);
    status.state = State::Lost;
    status.reason.get_or_insert(reason);
}

pub(super) fn lock(status: &Shared) -> MutexGuard<'_, WorkerStatus> {
    status.lock().unwrap_or_else(PoisonError::into_inner)
}
