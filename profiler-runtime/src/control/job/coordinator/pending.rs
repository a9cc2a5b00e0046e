//! Limits the number of unauthenticated connections; a new one may replace another.
//!
//! A worker sends its identity at once. If all slots are taken, the oldest connection of the host
//! with the most connections is closed. Workers that have joined do not count.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::control::job::link::Stream;
use crate::control::throttled_log::ThrottledLog;
use crate::logging;
use profiler_trace::text;

/// Maximum number of unauthenticated connections.
const MAX_PENDING_HANDSHAKES: usize = 32;
/// Time after which a connection that has not authenticated may be closed.
const GRACE: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct PendingConnections {
    /// Connections, oldest first.
    connections: Mutex<Vec<Arc<PendingConnection>>>,
    /// Signals that a connection was removed.
    removed: Condvar,
    log: ThrottledLog,
}

/// A connection that is not authenticated yet.
#[derive(Debug)]
pub(super) struct PendingConnection {
    pub(super) stream: Arc<Stream>,
    /// Host at the other end; `None` for a Unix socket.
    host: Option<IpAddr>,
    since: Instant,
}

impl PendingConnections {
    pub(super) const fn new() -> Self {
        Self { connections: Mutex::new(Vec::new()), removed: Condvar::new(), log: ThrottledLog::new(log_remaining) }
    }

    fn connections(&self) -> MutexGuard<'_, Vec<Arc<PendingConnection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a connection. If the limit is reached, first waits for another to authenticate or to
    /// exceed its grace period, because the workers of a large job connect all at once; then closes
    /// that one.
    pub(super) fn add(&self, stream: Stream) -> Arc<PendingConnection> {
        let mut connections = self.connections();
        let evicted = loop {
            let is_full = connections.len() >= MAX_PENDING_HANDSHAKES;
            let Some(at) = first_to_evict(&connections).filter(|_| is_full) else { break None };
            let left = GRACE.saturating_sub(connections[at].since.elapsed());
            if left.is_zero() {
                break Some(connections.remove(at));
            }
            connections = self.removed.wait_timeout(connections, left).unwrap_or_else(PoisonError::into_inner).0;
        };
        let (host, stream) = (stream.host(), Arc::new(stream));
        let connection = Arc::new(PendingConnection { stream, host, since: Instant::now() });
        connections.push(Arc::clone(&connection));
        drop(connections);
        if let Some(evicted) = evicted {
            evicted.stream.close();
            self.log_failure("no_room", "there were too many unauthenticated connections");
        }
        connection
    }

    /// Removes a connection that is authenticated or has ended.
    pub(super) fn remove(&self, connection: &Arc<PendingConnection>) {
        self.connections().retain(|other| !Arc::ptr_eq(other, connection));
        self.removed.notify_one();
    }

    /// Logs why no worker has joined by a connection, at most once a minute for each kind of
    /// reason.
    pub(super) fn log_failure(&self, kind: &'static str, reason: &str) {
        if let Some(more) = self.log.count(kind) {
            let reason = text::plain(reason);
            logging::warn!("no worker has joined by a connection to the coordinator: {reason}{more}");
        }
    }
}

fn log_remaining(more: fmt::Arguments<'_>) {
    logging::warn!("connections to the coordinator by which no worker has joined: {more}");
}

/// Returns the index of the oldest connection of the host with the most connections.
fn first_to_evict(connections: &[Arc<PendingConnection>]) -> Option<usize> {
    let count_of = |host| connections.iter().filter(|other| other.host == host).count();
    // Among equals, `max_by_key` returns the last.
    (0..connections.len()).rev().max_by_key(|&at| count_of(connections[at].host))
}
