//! The fleet of all workers: replicas that take tasks from one queue.
//!
//! A replica is one worker, or a pair that splits guidance. The queue is bounded. When the last
//! replica is gone, the channels of the tasks still in the queue close, so that their clients get
//! an answer at once.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::process::{Lifeline, Shared, State, Worker, WorkerStatus, lock};
use super::replica::Replica;
use super::wire::Product;
use profiler_examples::image::Picture;
use profiler_examples::wan::Request;

/// Maximum number of waiting tasks.
pub(super) const QUEUE: usize = 32;

/// Timeout for running tasks when the server ends.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Something to generate.
#[derive(Debug)]
pub(super) struct Generation {
    /// Request id in the profiler's reports.
    pub(super) id: String,
    pub(super) request: Request,
    pub(super) picture: Picture,
    pub(super) product: Product,
    /// Set when a replica takes the task.
    pub(super) begun: Arc<AtomicBool>,
}

/// The generated file.
#[derive(Debug)]
pub(super) struct Generated {
    pub(super) file: Vec<u8>,
    pub(super) seconds: f64,
    /// Total seconds of each stage, over all its calls.
    pub(super) stage_durations: BTreeMap<String, f64>,
}

/// Reason why nothing was generated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum GenerateError {
    #[error("{QUEUE} requests are waiting already: ask again later")]
    Busy,
    #[error("the server is shutting down")]
    Closing,
    #[error("no worker is left: {0}")]
    NoWorker(String),
    #[error("a worker was lost while it generated this: {0}; ask again, the others go on")]
    Lost(String),
    #[error("the pipeline failed: {0}")]
    Failed(String),
}

pub(super) type Outcome = Result<Generated, GenerateError>;

/// A queued generation, and the channel for its outcome.
struct Task {
    generation: Generation,
    waiting: oneshot::Sender<Outcome>,
}

impl Task {
    fn refuse(self: Box<Self>) {
        let _ = self.waiting.send(Err(GenerateError::Closing));
    }
}

/// Sender of tasks; `None` once the queue is closed.
type Queue = Arc<Mutex<Option<SyncSender<Box<Task>>>>>;

/// The workers and the queue in front of them.
pub(super) struct Fleet {
    queue: Queue,
    /// Weak, so that the queue ends with the last replica.
    tasks: Weak<Mutex<Receiver<Box<Task>>>>,
    closing: Arc<AtomicBool>,
    statuses: Vec<Shared>,
    lifelines: Vec<Lifeline>,
    replicas: Mutex<Vec<JoinHandle<()>>>,
}

impl Fleet {
    /// Creates replicas from ready workers in order of rank: pairs, unless there is only one
    /// worker.
    ///
    /// # Errors
    /// If the operating system cannot create a thread.
    pub(super) fn new(workers: Vec<Worker>, time_limit: Duration) -> io::Result<Self> {
        let statuses = workers.iter().map(Worker::status).collect();
        let lifelines = workers.iter().map(Worker::lifeline).collect::<io::Result<_>>()?;
        let (sender, receiver) = mpsc::sync_channel(QUEUE);
        let dispatch = Dispatch {
            queue: Arc::new(Mutex::new(Some(sender))),
            tasks: Arc::new(Mutex::new(receiver)),
            closing: Arc::default(),
            numbers: Arc::default(),
        };
        let (queue, tasks, closing) =
            (Arc::clone(&dispatch.queue), Arc::downgrade(&dispatch.tasks), Arc::clone(&dispatch.closing));
        let mut workers = workers.into_iter();
        let mut replicas = Vec::new();
        while let Some(first) = workers.next() {
            let replica = Replica::new(first, workers.next(), time_limit);
            let dispatch = dispatch.clone();
            replicas.push(thread::Builder::new().name("replica".to_owned()).spawn(move || dispatch.serve(replica))?);
        }
        Ok(Self { queue, tasks, closing, statuses, lifelines, replicas: Mutex::new(replicas) })
    }

    /// Queues a generation. Its outcome is sent to the returned receiver.
    ///
    /// # Errors
    /// If the queue is full or closed.
    pub(super) fn submit(&self, generation: Generation) -> Result<oneshot::Receiver<Outcome>, GenerateError> {
        let (waiting, outcome) = oneshot::channel();
        match put(&self.queue, Box::new(Task { generation, waiting })) {
            None => Err(GenerateError::Closing),
            Some(Ok(())) => Ok(outcome),
            Some(Err(TrySendError::Full(_))) => Err(GenerateError::Busy),
            Some(Err(TrySendError::Disconnected(_))) => Err(self.no_worker()),
        }
    }

    /// Returns the reason why a receiver was closed without an outcome.
    pub(super) fn no_worker(&self) -> GenerateError {
        if self.closing.load(Ordering::SeqCst) {
            return GenerateError::Closing;
        }
        let reasons: Vec<String> = self.statuses().into_iter().filter_map(|worker| worker.reason).collect();
        GenerateError::NoWorker(reasons.join("; "))
    }

    /// Returns the state of every worker, by rank.
    pub(super) fn statuses(&self) -> Vec<WorkerStatus> {
        self.statuses.iter().map(|status| lock(status).clone()).collect()
    }

    /// Returns whether any replica can generate.
    pub(super) fn is_usable(&self) -> bool {
        self.statuses().iter().any(|worker| worker.state == State::Ready) && !self.closing.load(Ordering::SeqCst)
    }

    /// Refuses new and waiting tasks. Running ones are finished.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        *self.queue.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let Some(tasks) = self.tasks.upgrade() else { return };
        // If it is locked, a replica is waiting for a task and will refuse it itself.
        if let Ok(tasks) = tasks.try_lock() {
            tasks.try_iter().for_each(Task::refuse);
        }
    }

    /// Ends every worker, and returns when their processes are gone. Gives up tasks that are still
    /// running after a timeout.
    pub(super) fn end(&self) {
        self.close();
        let replicas = std::mem::take(&mut *self.replicas.lock().unwrap_or_else(PoisonError::into_inner));
        let deadline = Instant::now() + DRAIN_TIMEOUT;
        while replicas.iter().any(|replica| !replica.is_finished()) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        self.lifelines.iter().for_each(Lifeline::cut);
        for replica in replicas {
            let _ = replica.join();
        }
    }
}

fn put(queue: &Queue, task: Box<Task>) -> Option<Result<(), TrySendError<Box<Task>>>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|sender| sender.try_send(task))
}

/// Queue and flags that the replicas share.
#[derive(Clone)]
struct Dispatch {
    queue: Queue,
    tasks: Arc<Mutex<Receiver<Box<Task>>>>,
    closing: Arc<AtomicBool>,
    numbers: Arc<AtomicU64>,
}

impl Dispatch {
    /// Runs one task after the other until the queue ends or the replica has no worker left.
    fn serve(self, mut replica: Replica) {
        let next = || self.tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        while let Ok(task) = next() {
            if self.closing.load(Ordering::SeqCst) {
                task.refuse();
            } else if replica.is_usable() {
                task.generation.begun.store(true, Ordering::SeqCst);
                let outcome = replica.make(&task.generation, self.numbers.fetch_add(1, Ordering::SeqCst));
                let _ = task.waiting.send(outcome);
            } else {
                // Returned to the queue for the other replicas. If none is left, the queue's end
                // closes the task's channel.
                let _ = put(&self.queue, task);
                break;
            }
        }
    }
}
