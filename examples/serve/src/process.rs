//! A worker as the server sees it: a child process, the orders that go to it, and what has become
//! of it.
//!
//! A thread waits for what the worker says, so that its end is known at once, also while nothing is
//! ordered. Nothing here waits for a worker without a limit.

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

/// How long a worker may take to write its artifacts and end, once it is told to.
const ENDING: Duration = Duration::from_secs(30);
/// How long a process may outlive its connection.
const PARTING: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(10);

/// What `/health` says of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Vitals {
    pub(super) name: String,
    pub(super) rank: usize,
    pub(super) pid: u32,
    pub(super) state: State,
    /// Why it is lost.
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

/// Shared with whoever asks for a worker's state.
pub(super) type Shared = Arc<Mutex<Vitals>>;

/// A message of a worker with its bytes.
type Message = (Answer, Vec<u8>);

/// A worker process. Dropping it ends it.
pub(super) struct Worker {
    vitals: Shared,
    server: UnixStream,
    messages: Receiver<Message>,
    listener: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts `command` as the worker of this rank.
    pub(super) fn spawn(mut command: Command, rank: usize) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        // A group of its own: Ctrl-C is for the server, which lets its workers finish.
        let child = command.stdin(Stdio::from(OwnedFd::from(theirs))).process_group(0).spawn()?;
        let (name, pid) = (format!("diffusion_rank_{rank}"), child.id());
        let vitals = Vitals { name, rank, pid, state: State::Loading, reason: None };
        let vitals: Shared = Arc::new(Mutex::new(vitals));
        let (sender, messages) = mpsc::channel();
        let ear = Ear { stream: ours.try_clone()?, child, vitals: Arc::clone(&vitals) };
        let listener = thread::Builder::new().name(format!("rank {rank}")).spawn(move || ear.listen(&sender))?;
        Ok(Self { vitals, server: ours, messages, listener: Some(listener) })
    }

    pub(super) fn vitals(&self) -> Shared {
        Arc::clone(&self.vitals)
    }

    pub(super) fn lifeline(&self) -> io::Result<Lifeline> {
        self.server.try_clone().map(Lifeline)
    }

    pub(super) fn is_ready(&self) -> bool {
        lock(&self.vitals).state == State::Ready
    }

    /// Waits until the model is loaded, for as long as that takes.
    ///
    /// # Errors
    /// Why it cannot be, in a sentence.
    pub(super) fn wait_until_ready(&self) -> Result<(), String> {
        match self.messages.recv() {
            Ok((Answer::Ready, _)) => {
                lock(&self.vitals).state = State::Ready;
                Ok(())
            }
            Ok((Answer::Unusable { why }, _)) => Err(why),
            Ok((other, _)) => Err(format!("the worker began with {other:?}")),
            Err(_) => Err(self.reason()),
        }
    }

    /// Sends an order. That the worker has ended shows in [`Worker::answer`].
    pub(super) fn order(&mut self, order: &Order, pixels: &[u8]) {
        let _ = wire::send(&mut self.server, order, pixels);
    }

    /// The answer to order `number`.
    ///
    /// # Errors
    /// Why there is none, in a sentence: the worker has ended, or does not answer by `deadline` and
    /// is ended.
    pub(super) fn answer(&mut self, number: u64, deadline: Instant) -> Result<Message, String> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.messages.recv_timeout(left) {
                Ok(message) if message.0.number() == Some(number) => return Ok(message),
                // What an order that was given up has come to.
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(self.reason()),
                Err(RecvTimeoutError::Timeout) => {
                    let name = lock(&self.vitals).name.clone();
                    lose(&self.vitals, format!("`{name}` did not answer in time and was ended"));
                    let _ = self.server.shutdown(Shutdown::Both);
                    return Err(self.reason());
                }
            }
        }
    }

    fn reason(&self) -> String {
        lock(&self.vitals).reason.clone().unwrap_or_else(|| "the worker has ended".to_owned())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The worker's standard input ends, and so does the worker, when its order is done and its
        // artifacts are written.
        let _ = self.server.shutdown(Shutdown::Write);
        let Some(listener) = self.listener.take() else { return };
        let deadline = Instant::now() + ENDING;
        while !listener.is_finished() && Instant::now() < deadline {
            thread::sleep(POLL);
        }
        let _ = self.server.shutdown(Shutdown::Both);
        let _ = listener.join();
    }
}

/// What ends a worker that somebody waits for.
pub(super) struct Lifeline(UnixStream);

impl Lifeline {
    /// Ends the worker, whatever it does.
    pub(super) fn cut(&self) {
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// The thread that hears a worker.
struct Ear {
    stream: UnixStream,
    child: Child,
    vitals: Shared,
}

impl Ear {
    fn listen(mut self, messages: &Sender<Message>) {
        while let Ok(message) = wire::receive(&mut self.stream) {
            if messages.send(message).is_err() {
                break;
            }
        }
        let name = lock(&self.vitals).name.clone();
        let how = match self.end() {
            Some(status) => format!("`{name}` has ended: {status}"),
            None => format!("`{name}` has closed its connection and was ended"),
        };
        lose(&self.vitals, how);
    }

    /// How the process ended; `None` if it had to be made to.
    fn end(&mut self) -> Option<std::process::ExitStatus> {
        let deadline = Instant::now() + PARTING;
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

/// Marks a worker as lost; the first reason stays.
fn lose(vitals: &Shared, reason: String) {
    let mut vitals = lock(vitals);
    vitals.state = State::Lost;
    vitals.reason.get_or_insert(reason);
}

pub(super) fn lock(vitals: &Shared) -> MutexGuard<'_, Vitals> {
    vitals.lock().unwrap_or_else(PoisonError::into_inner)
}
