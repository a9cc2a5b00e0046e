//! The coordinator's side of one worker's connection.
//!
//! Requests go into a short queue that a thread of the member writes to its socket, so a worker
//! that does not read delays no other.

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use crate::control::job::link::Stream;
use crate::control::job::report::{Worker, WorkerState, WorkerStatus};
use crate::control::job::wire::{self, Order, Request};

/// Maximum number of queued requests: more than any number of clients causes in a moment.
const QUEUE: usize = 128;

/// A worker and the connection to it.
#[derive(Debug)]
pub(super) struct Member {
    /// Last status that the worker has sent.
    pub(super) last_status: WorkerStatus,
    /// Number that distinguishes this connection from an earlier one of the same rank; assigned by
    /// the table.
    pub(super) connection: u64,
    /// True if a start or stop has timed out, with no answer since.
    pub(super) is_silent: bool,
    /// Id of the unanswered status request. Only one is sent at a time.
    pub(super) pending_status: Option<u64>,
    queue: SyncSender<Vec<u8>>,
    stream: Arc<Stream>,
}

impl Member {
    /// Creates a member; also returns the queue of lines to be written to its connection.
    pub(super) fn new(worker: Worker, stream: Arc<Stream>) -> (Self, Receiver<Vec<u8>>) {
        let (queue, lines) = sync_channel(QUEUE);
        let last_status = WorkerStatus::new(worker, WorkerState::Idle);
        (Self { last_status, connection: 0, is_silent: false, pending_status: None, queue, stream }, lines)
    }

    pub(super) fn worker(&self) -> &Worker {
        &self.last_status.worker
    }

    /// Returns whether `worker` is the same process.
    pub(super) fn is_same_process(&self, worker: &Worker) -> bool {
        (self.worker().pid, &self.worker().host) == (worker.pid, &worker.host)
    }

    /// Queues a request; returns the reason if that is not possible. Never blocks.
    pub(super) fn send(&self, id: u64, request: Request) -> Result<(), String> {
        let line = wire::encode(&Order { id, request })?;
        self.queue.try_send(line).map_err(|error| match error {
            TrySendError::Full(_) => format!("it does not read: {QUEUE} requests are waiting for it"),
            TrySendError::Disconnected(_) => "the connection to it is broken".to_owned(),
        })
    }

    /// Closes the connection.
    pub(super) fn close(&self) {
        self.stream.close();
    }
}

/// Writes queued lines until the member is dropped.
pub(super) fn write_queue(stream: &Stream, queue: &Receiver<Vec<u8>>) {
    while let Ok(line) = queue.recv() {
        if (&mut &*stream).write_all(&line).is_err() {
            break;
        }
    }
    // Wakes the thread that reads the connection.
    stream.close();
}
