//! All workers: replicas that take orders from one queue.
//!
//! A replica is one worker, or a pair that splits guidance. The queue is bounded, and everything
//! that stays in it when the last replica is gone is answered at once: whoever waits sees the other
//! end of its channel close.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::process::{Lifeline, Shared, State, Vitals, Worker, lock};
use super::replica::Replica;
use super::wire::Product;
use profiler_examples::image::Picture;
use profiler_examples::wan::Request;

/// Orders that may wait.
pub(super) const QUEUE: usize = 32;

/// How long the end of the server waits for what is still being made.
const LAST: Duration = Duration::from_secs(10);

/// Something to make.
#[derive(Debug)]
pub(super) struct Wish {
    /// What the profiler's reports call it.
    pub(super) id: String,
    pub(super) request: Request,
    pub(super) picture: Picture,
    pub(super) product: Product,
    /// Set when a replica takes it.
    pub(super) begun: Arc<AtomicBool>,
}

/// What has been made.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) file: Vec<u8>,
    pub(super) seconds: f64,
    /// Seconds of each stage, all of its calls together.
    pub(super) stage_durations: BTreeMap<String, f64>,
}

/// Why something was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unmade {
    #[error("{QUEUE} requests are waiting already: ask again later")]
    Busy,
    #[error("the server is shutting down")]
    Closing,
    #[error("no worker is left: {0}")]
    NoWorker(String),
    #[error("a worker was lost while it made this: {0}; ask again, the others go on")]
    Lost(String),
    #[error("the pipeline failed: {0}")]
    Failed(String),
}

pub(super) type Outcome = Result<Made, Unmade>;

/// A wish in the queue, and who waits for it.
struct Task {
    wish: Wish,
    waiting: oneshot::Sender<Outcome>,
}

impl Task {
    fn refuse(self: Box<Self>) {
        let _ = self.waiting.send(Err(Unmade::Closing));
    }
}

/// Where wishes are put; `None` once it is closed.
type Queue = Arc<Mutex<Option<SyncSender<Box<Task>>>>>;

/// The workers and the queue in front of them.
pub(super) struct Fleet {
    queue: Queue,
    /// Weak: the queue ends with the last replica.
    tasks: Weak<Mutex<Receiver<Box<Task>>>>,
    closing: Arc<AtomicBool>,
    vitals: Vec<Shared>,
    lines: Vec<Lifeline>,
    replicas: Mutex<Vec<JoinHandle<()>>>,
}

impl Fleet {
    /// Takes ready workers in order of their ranks: pairs, unless there is only one.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub(super) fn new(workers: Vec<Worker>, time_limit: Duration) -> io::Result<Self> {
        let vitals = workers.iter().map(Worker::vitals).collect();
        let lines = workers.iter().map(Worker::lifeline).collect::<io::Result<_>>()?;
        let (sender, receiver) = mpsc::sync_channel(QUEUE);
        let line = Line {
            queue: Arc::new(Mutex::new(Some(sender))),
            tasks: Arc::new(Mutex::new(receiver)),
            closing: Arc::default(),
            numbers: Arc::default(),
        };
        let (queue, tasks, closing) = (Arc::clone(&line.queue), Arc::downgrade(&line.tasks), Arc::clone(&line.closing));
        let mut workers = workers.into_iter();
        let mut replicas = Vec::new();
        while let Some(first) = workers.next() {
            let replica = Replica::new(first, workers.next(), time_limit);
            let line = line.clone();
            replicas.push(thread::Builder::new().name("replica".to_owned()).spawn(move || line.serve(replica))?);
        }
        Ok(Self { queue, tasks, closing, vitals, lines, replicas: Mutex::new(replicas) })
    }

    /// Puts a wish into the queue; what becomes of it arrives at the receiver.
    ///
    /// # Errors
    /// When it is full or closed.
    pub(super) fn submit(&self, wish: Wish) -> Result<oneshot::Receiver<Outcome>, Unmade> {
        let (waiting, outcome) = oneshot::channel();
        match put(&self.queue, Box::new(Task { wish, waiting })) {
            None => Err(Unmade::Closing),
            Some(Ok(())) => Ok(outcome),
            Some(Err(TrySendError::Full(_))) => Err(Unmade::Busy),
            Some(Err(TrySendError::Disconnected(_))) => Err(self.no_worker()),
        }
    }

    /// Why a receiver's other end closed without an outcome.
    pub(super) fn no_worker(&self) -> Unmade {
        if self.closing.load(Ordering::SeqCst) {
            return Unmade::Closing;
        }
        let reasons: Vec<String> = self.vitals().into_iter().filter_map(|worker| worker.reason).collect();
        Unmade::NoWorker(reasons.join("; "))
    }

    /// Every worker, by rank.
    pub(super) fn vitals(&self) -> Vec<Vitals> {
        self.vitals.iter().map(|vitals| lock(vitals).clone()).collect()
    }

    /// Whether anything can be made.
    pub(super) fn is_usable(&self) -> bool {
        self.vitals().iter().any(|worker| worker.state == State::Ready) && !self.closing.load(Ordering::SeqCst)
    }

    /// Refuses new wishes and those that wait; what is being made is finished.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        *self.queue.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let Some(tasks) = self.tasks.upgrade() else { return };
        // Locked, a replica waits for a task and refuses it itself.
        if let Ok(tasks) = tasks.try_lock() {
            tasks.try_iter().for_each(Task::refuse);
        }
    }

    /// Ends every worker; returns when their processes are gone. What is still being made then is
    /// given up.
    pub(super) fn end(&self) {
        self.close();
        let replicas = std::mem::take(&mut *self.replicas.lock().unwrap_or_else(PoisonError::into_inner));
        let deadline = Instant::now() + LAST;
        while replicas.iter().any(|replica| !replica.is_finished()) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        self.lines.iter().for_each(Lifeline::cut);
        for replica in replicas {
            let _ = replica.join();
        }
    }
}

fn put(queue: &Queue, task: Box<Task>) -> Option<Result<(), TrySendError<Box<Task>>>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|sender| sender.try_send(task))
}

/// What the replicas share.
#[derive(Clone)]
struct Line {
    queue: Queue,
    tasks: Arc<Mutex<Receiver<Box<Task>>>>,
    closing: Arc<AtomicBool>,
    numbers: Arc<AtomicU64>,
}

impl Line {
    /// Takes one task after the other until the queue ends or the replica has no worker left.
    fn serve(self, mut replica: Replica) {
        let next = || self.tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        while let Ok(task) = next() {
            if self.closing.load(Ordering::SeqCst) {
                task.refuse();
            } else if replica.is_usable() {
                task.wish.begun.store(true, Ordering::SeqCst);
                let outcome = replica.make(&task.wish, self.numbers.fetch_add(1, Ordering::SeqCst));
                let _ = task.waiting.send(outcome);
            } else {
                // For the other replicas; when there is none any more, the queue's end tells the
                // waiting.
                let _ = put(&self.queue, task);
                break;
            }
        }
    }
}
