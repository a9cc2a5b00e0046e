//! Requests, which group timings. A guard for a thread that does one request at a time, a future's
//! wrapper for a server that does many.
//!
//! The id is written before the begin of its range, like any other description of a call. Work that
//! a future's request hands to another thread counts as one more poll of the future there.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::call::Call;
use crate::future::{Continued, Instrumented, instrument};
use crate::gate;
use crate::kind::Kind;
use crate::label::{self, LONGEST};
use crate::process::PerProcess;
use crate::range::Range;
use crate::site::Site;

/// Site of guards.
static SITE: Site = Site::new(Kind::Request, "request", file!(), line!(), module_path!());
/// Site of futures: a poll ends the innermost range of this site, which may not be a guard's.
static SCOPE: Site = Site::new(Kind::Request, "request", file!(), line!(), module_path!());

/// Opens a request: the stages and steps that run on this thread until the guard drops are timed
/// under this id, in `timing_rank*.json` and the summary. In async code use [`request_scope`]: this
/// guard stays on its thread. An id longer than 256 bytes is cut and ends in `…`.
///
/// Cost while nothing records: one load. While recording: three entries and one more per fifteen
/// bytes of the id.
pub fn request(id: &str) -> Range {
    tell(&SITE, id);
    Range::enter(&SITE)
}

/// Makes a request of a future: the stages and steps that run in its polls, on any thread, are
/// timed under this id. Requests that run at the same time are kept apart, also on one thread.
///
/// An id longer than 256 bytes is cut, as by [`request`].
///
/// Work that the future hands to other tasks and threads (`spawn`, `spawn_blocking`) is no longer
/// part of the request, unless [`current_request`] takes it along. The request lasts from its first
/// poll to its completion or drop.
///
/// Cost of a poll while nothing records: two loads. While recording: as an async stage, and at the
/// first poll of a recording an entry and one more per fifteen bytes of the id.
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
    /// The future of [`request_scope`]. `Send` if the id and the future are.
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
        if this.future.is_untold() {
            tell(&SCOPE, this.id.as_ref());
        }
        this.future.poll_inside(context, Inside::enter)
    }
}

thread_local! {
    /// The innermost request of a future that runs on this thread, while the request is recorded.
    static CURRENT: Cell<Option<Continued>> = const { Cell::new(None) };
}

/// Returns the request whose future of [`request_scope`] runs on this thread, for work that it
/// hands to another thread.
///
/// Cost: one load of this thread's memory. A poll of a scope costs two more while something
/// records.
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

/// A request that other threads may work for; see [`current_request`]. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct CurrentRequest(Option<Continued>);

impl CurrentRequest {
    /// Runs `work` on this thread as a part of the request: the stages in it are the request's, and
    /// the request is not counted again. The request lasts until its future and all such work are
    /// over.
    ///
    /// Only runs `work` if there is no such request: nothing records, or nothing did when the
    /// handle was taken; it was taken outside of a [`request_scope`] (a [`request`]'s guard stays
    /// on its thread); or a new session has begun.
    pub fn run<R>(self, work: impl FnOnce() -> R) -> R {
        match self.0 {
            Some(request) => request.run(Inside::enter, work),
            None => work(),
        }
    }
}

/// Guard that makes its request the thread's current one; it holds the request before that.
struct Inside(Option<Continued>);

impl Inside {
    fn enter(request: Option<Continued>) -> Self {
        Self(CURRENT.try_with(|current| current.replace(request)).ok().flatten())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        // A thread that is ending has no current request.
        let _ = CURRENT.try_with(|current| current.set(self.0));
    }
}

/// Writes the id of the request that begins next on this thread.
fn tell(site: &'static Site, id: &str) {
    let gate = gate::load();
    if gate & gate::RECORD != 0 {
        label::with_cut(id, |id| Call::request_id(site.number(), id));
    }
    if gate & gate::STEPS != 0 {
        label::with_cut(id, note);
    }
}

/// Id of the last request that has begun in this session. A schedule may begin to record in the
/// middle of a request; the part of the stream before that is gone, and with it the id.
struct Noted {
    length: usize,
    bytes: [u8; LONGEST],
}

static LAST: PerProcess<Mutex<Noted>> = PerProcess::new(|_| Mutex::new(Noted { length: 0, bytes: [0; LONGEST] }));

/// Notes an id. Does not wait for the lock: of requests that begin at the same moment, one is
/// enough.
fn note(id: &str) {
    let Ok(mut last) = LAST.try_lock() else { return };
    let Some(kept) = last.bytes.get_mut(..id.len()) else { return };
    kept.copy_from_slice(id.as_bytes());
    last.length = id.len();
}

/// Forgets the requests of earlier sessions.
pub fn forget_last() {
    LAST.lock().unwrap_or_else(PoisonError::into_inner).length = 0;
}

/// Returns the id of the last request that has begun in this session.
pub fn last() -> Option<String> {
    let last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let id = String::from_utf8_lossy(&last.bytes[..last.length]);
    (!id.is_empty()).then(|| id.into_owned())
}
