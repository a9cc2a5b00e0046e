//! Worker threads of an export: a few threads that take jobs from a queue while one file is
//! written.
//!
//! They exit when the queue is closed, and their allocations count as the profiler's. They spread
//! formatting (`trace::parallel`) and compression (`gzip`) over cores.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Builder, Scope};

use profiler_core::memory::ledger;

/// Maximum number of workers; more would wait for the single writing thread.
const MAX_WORKERS: usize = 4;

/// Returns the number of workers for this machine's cores.
pub(super) fn count() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(MAX_WORKERS)
}

/// Starts `count` workers, or as many as the system allows, and returns the queue of their jobs;
/// `None` if no worker could be started.
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
