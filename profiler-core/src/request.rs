//! Requests, by which timings are grouped: a guard for a thread that serves one request at a time,
//! and a future's wrapper for a server that serves many.
//!
//! The id is written before the begin of its range, like any other description of a call. Work that
//! a request hands to another thread is recorded there as one more poll of the request's future.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::call::Call;
use crate::future::{Continuation, Instrumented, instrument};
use crate::gate;
use crate::kind::Kind;
use crate::label::{self, LONGEST};
use crate::process::PerProcess;
use crate::range::Range;
use crate::site::Site;

/// Site of requests opened by a guard.
static SITE: Site = Site::new(Kind::Request, "request", file!(), line!(), module_path!());
/// Site of requests that are futures. A poll ends the innermost range of its site, which must not
/// be a guard's.
static SCOPE: Site = Site::new(Kind::Request, "request", file!(), line!(), module_path!());

/// Opens a request: until the guard drops, the stages and steps on this thread are grouped under
/// this id in `timing_rank*.json` and the summary. The guard stays on its thread; use
/// [`request_scope`] in async code. An id longer than 256 bytes is truncated and ends in `…`.
///
/// Costs one load while nothing records; three entries and one more per fifteen bytes of the id
/// while recording.
pub fn request(id: &str) -> Range {
    write_id(&SITE, id);
    Range::enter(&SITE)
}

/// Wraps a future as a request: the stages and steps in its polls, on any thread, are grouped under
/// this id. Concurrent requests are kept apart, even on one thread.
///
/// An id longer than 256 bytes is truncated, as by [`request`].
///
/// Work that the future hands to other tasks or threads (`spawn`, `spawn_blocking`) is not part of
/// the request unless it runs under a [`current_request`] handle. The request lasts from its first
/// poll to its completion or drop.
///
/// A poll costs two loads while nothing records. While recording it costs as much as an async
/// stage's, and the first poll of a recording adds an entry and one more per fifteen bytes of the
/// id.
///
/// ```
/// # async fn generate(prompt: &str) -> usize { prompt.len() }
/// async fn handler(id: String, prompt: String) -> usize {
///     profiler_core::request_scope(id, generate(&prompt)).await
/// }
/// ```
pub fn request_scope<I: AsRef<str>, F: Future>(id: I, future: F) -> RequestScope<I, F> {
    RequestScope { id, future: instrument(&SCOPE, future) }
}

pin_project! {
    /// Future returned by [`request_scope`]. `Send` if the id and the wrapped future are.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct RequestScope<I, F> {
        id: I,
        #[pin]
        future: Instrumented<F>,
    }
}

impl<I: AsRef<str>, F: Future> Future for RequestScope<I, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if this.future.needs_description() {
            write_id(&SCOPE, this.id.as_ref());
        }
        this.future.poll_inside(context, Inside::enter)
    }
}

thread_local! {
    /// Innermost recorded request whose future is being polled on this thread.
    static CURRENT: Cell<Option<Continuation>> = const { Cell::new(None) };
}

/// Returns a handle to the [`request_scope`] that is being polled on this thread, to run work for
/// it on another thread.
///
/// Costs one thread-local load. While something records, each poll of a scope costs two more.
///
/// ```
/// # fn decode(latents: Vec<f32>) -> usize { latents.len() }
/// # use std::thread::spawn as spawn_blocking;
/// async fn handler(latents: Vec<f32>) {
///     let request = profiler_core::current_request();
///     spawn_blocking(move || request.run(|| decode(latents)));
/// }
/// ```
#[must_use]
pub fn current_request() -> CurrentRequest {
    CurrentRequest(CURRENT.try_with(Cell::get).ok().flatten())
}

/// Handle to a request that other threads may work for; see [`current_request`]. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct CurrentRequest(Option<Continuation>);

impl CurrentRequest {
    /// Runs `work` on this thread as part of the request. Stages in it belong to the request, which
    /// is not counted a second time and lasts until its future and all such work are over.
    ///
    /// Runs `work` without recording it as part of a request if nothing records now, or nothing did
    /// when the handle was taken; if the handle was taken outside a [`request_scope`] (a
    /// [`request`] guard stays on its thread); or if another session has begun since.
    pub fn run<R>(self, work: impl FnOnce() -> R) -> R {
        match self.0 {
            Some(request) => request.run(Inside::enter, work),
            None => work(),
        }
    }
}

/// Guard that makes a request the thread's current one, and restores the previous one.
struct Inside(Option<Continuation>);

impl Inside {
    fn enter(request: Option<Continuation>) -> Self {
        Self(CURRENT.try_with(|current| current.replace(request)).ok().flatten())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        // A thread that is ending has no current request.
        let _ = CURRENT.try_with(|current| current.set(self.0));
    }
}

/// Writes the id of the next request on this thread.
fn write_id(site: &'static Site, id: &str) {
    let gate = gate::load();
    if gate & gate::RECORD != 0 {
        label::with_truncated(id, |id| Call::request_id(site.number(), id));
    }
    if gate & gate::STEPS != 0 {
        label::with_truncated(id, remember);
    }
}

/// Id of the last request that began in this session. A schedule may start recording in the middle
/// of a request, when the stream's part with the id is already discarded.
struct LastRequest {
    length: usize,
    bytes: [u8; LONGEST],
}

static LAST: PerProcess<Mutex<LastRequest>> =
    PerProcess::new(|_| Mutex::new(LastRequest { length: 0, bytes: [0; LONGEST] }));

/// Stores an id. Does not wait for the lock: of several requests that begin at once, one is enough.
fn remember(id: &str) {
    let Ok(mut last) = LAST.try_lock() else { return };
    let Some(kept) = last.bytes.get_mut(..id.len()) else { return };
    kept.copy_from_slice(id.as_bytes());
    last.length = id.len();
}

/// Discards the last request of earlier sessions.
#[doc(hidden)]
pub fn forget_last() {
    LAST.lock().unwrap_or_else(PoisonError::into_inner).length = 0;
}

/// Returns the id of the last request that began in this session.
#[doc(hidden)]
pub fn last() -> Option<String> {
    let last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let id = String::from_utf8_lossy(&last.bytes[..last.length]);
    (!id.is_empty()).then(|| id.into_owned())
}
