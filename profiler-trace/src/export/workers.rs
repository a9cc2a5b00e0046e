//! The threads that help the exporting thread: a few, for the time of one file, which take jobs
//! from a queue.
//!
//! They end when the queue does, and what they allocate counts as the profiler's. Used where
//! formatting (`trace::turns`) and compressing (`gzip`) are spread over cores.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Builder, Scope};

use profiler_core::memory::ledger;

/// Most workers: more would wait for the one thread that writes.
const MOST: usize = 4;

/// Returns the number of workers that this machine has cores for.
pub(super) fn count() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(MOST)
}

/// Starts `count` workers, or as many as the system grants. One of them runs each job that is sent;
/// `None` if there is no worker.
pub(super) fn start<'scope, J: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    count: usize,
    run: fn(J),
) -> Option<SyncSender<J>> {
    let (jobs, queue) = sync_channel(count);
    let queue = Arc::new(Mutex::new(queue));
    let started = (0..count).filter(|_| {
        let queue = Arc::clone(&queue);
        let work = move || {
            let _own = ledger::own();
            while let Some(job) = next(&queue) {
                run(job);
            }
        };
        Builder::new().name(name.to_owned()).spawn_scoped(scope, work).is_ok()
    });
    (started.count() > 0).then_some(jobs)
}

fn next<J>(queue: &Mutex<Receiver<J>>) -> Option<J> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}
