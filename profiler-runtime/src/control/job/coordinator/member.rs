//! A worker that has joined, as its coordinator sees it.
//!
//! Requests go into a short queue that a thread of the member's own writes to its socket: a worker
//! that does not read delays nobody else.

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use crate::control::job::link::Stream;
use crate::control::job::report::{Worker, WorkerState, WorkerStatus};
use crate::control::job::wire::{self, Order, Request};

/// Most requests that may wait to be sent to one worker: more than any number of clients asks for
/// in a moment.
const QUEUE: usize = 128;

/// A worker and the connection to it.
#[derive(Debug)]
pub(super) struct Member {
    /// Last status that it sent.
    pub(super) said: WorkerStatus,
    /// Number that distinguishes this connection from an earlier one of the same rank; the table
    /// assigns it.
    pub(super) connection: u64,
    /// True if it has not answered a start or stop in time, nor anything since.
    pub(super) is_silent: bool,
    /// Id of the status request that it has not answered yet: only one is asked at a time.
    pub(super) asked: Option<u64>,
    queue: SyncSender<Vec<u8>>,
    stream: Arc<Stream>,
}

impl Member {
    /// Creates the member behind this connection; also returns the queue of lines to send to it.
    pub(super) fn new(worker: Worker, stream: Arc<Stream>) -> (Self, Receiver<Vec<u8>>) {
        let (queue, waiting) = sync_channel(QUEUE);
        let said = WorkerStatus::new(worker, WorkerState::Idle);
        (Self { said, connection: 0, is_silent: false, asked: None, queue, stream }, waiting)
    }

    pub(super) fn worker(&self) -> &Worker {
        &self.said.worker
    }

    /// Returns whether it is the same process.
    pub(super) fn is(&self, worker: &Worker) -> bool {
        (self.worker().pid, &self.worker().host) == (worker.pid, &worker.host)
    }

    /// Sends a request, or says why it cannot be sent. Never waits.
    pub(super) fn ask(&self, id: u64, request: Request) -> Result<(), String> {
        let line = wire::encode(&Order { id, request })?;
        self.queue.try_send(line).map_err(|error| match error {
            TrySendError::Full(_) => format!("it does not read: {QUEUE} requests are waiting for it"),
            TrySendError::Disconnected(_) => "the connection to it is broken".to_owned(),
        })
    }

    /// Ends the connection.
    pub(super) fn close(&self) {
        self.stream.close();
    }
}

/// Writes waiting lines until the member is gone.
pub(super) fn send(stream: &Stream, waiting: &Receiver<Vec<u8>>) {
    while let Ok(line) = waiting.recv() {
        if (&mut &*stream).write_all(&line).is_err() {
            break;
        }
    }
    // The reader of the connection finds out now.
    stream.close();
}
