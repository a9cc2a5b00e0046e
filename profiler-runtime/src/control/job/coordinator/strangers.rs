//! Connections without an identity yet: a bounded number, of which a new one takes the place of
//! another.
//!
//! A worker sends its identity at once, so other clients give way: the oldest connection of the
//! host that has the most of them. Members are no strangers, and take no place here.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::control::job::link::Stream;
use crate::control::refusals::Refusals;
use crate::logging;
use profiler_trace::text;

/// Most strangers at a time.
const MOST: usize = 32;
/// Time after which a connection that has sent nothing may be closed for another.
const GRACE: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct Strangers {
    /// Strangers, oldest first.
    here: Mutex<Vec<Arc<Stranger>>>,
    /// Signals that a connection is no stranger any more.
    gone: Condvar,
    refusals: Refusals,
}

/// A connection whose worker is not known yet.
#[derive(Debug)]
pub(super) struct Stranger {
    pub(super) stream: Arc<Stream>,
    /// Its host; `None` for a Unix socket.
    host: Option<IpAddr>,
    since: Instant,
}

impl Strangers {
    pub(super) const fn new() -> Self {
        Self { here: Mutex::new(Vec::new()), gone: Condvar::new(), refusals: Refusals::new(tell_more) }
    }

    fn here(&self) -> MutexGuard<'_, Vec<Arc<Stranger>>> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a connection. If there is no room, another one is closed for it, once that has had its
    /// chance: the workers of a large job come all at once.
    pub(super) fn add(&self, stream: Stream) -> Arc<Stranger> {
        let mut here = self.here();
        let given_up = loop {
            let Some(at) = first_to_go(&here).filter(|_| here.len() >= MOST) else { break None };
            let left = GRACE.saturating_sub(here[at].since.elapsed());
            if left.is_zero() {
                break Some(here.remove(at));
            }
            here = self.gone.wait_timeout(here, left).unwrap_or_else(PoisonError::into_inner).0;
        };
        let stranger = Arc::new(Stranger { host: stream.host(), stream: Arc::new(stream), since: Instant::now() });
        here.push(Arc::clone(&stranger));
        drop(here);
        if let Some(other) = given_up {
            other.stream.close();
            self.tell("no_room", "it had not said who it is when another came");
        }
        stranger
    }

    /// Removes a connection whose worker is known, or that has none.
    pub(super) fn remove(&self, stranger: &Arc<Stranger>) {
        self.here().retain(|other| !Arc::ptr_eq(other, stranger));
        self.gone.notify_one();
    }

    /// Logs why no worker has joined by a connection, once a minute for each kind of reason.
    pub(super) fn tell(&self, kind: &'static str, reason: &str) {
        if let Some(more) = self.refusals.count(kind) {
            let reason = text::plain(reason);
            logging::warn!("nobody has joined by a connection to the coordinator: {reason}{more}");
        }
    }
}

fn tell_more(more: fmt::Arguments<'_>) {
    logging::warn!("connections to the coordinator by which nobody has joined: {more}");
}

/// Returns the place of the oldest stranger of the host that has the most.
fn first_to_go(here: &[Arc<Stranger>]) -> Option<usize> {
    let of_host = |host| here.iter().filter(|other| other.host == host).count();
    // Among equal ones, `max_by_key` takes the last.
    (0..here.len()).rev().max_by_key(|&at| of_host(here[at].host))
}
