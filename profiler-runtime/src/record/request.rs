//! Requests: what timings are grouped by. A guard for a thread that does one request at a time, a future's wrapper for a
//! server that does many.
//!
//! The id is written before the begin that it belongs to, like any other description of a call.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::describe::Call;
use super::future::{Instrumented, instrument};
use super::gate;
use super::range::Range;
use super::site::{Kind, Site};

/// Site of guards.
static SITE: Site = Site::new(Kind::Request, "request", file!(), line!(), module_path!());
/// Site of futures: a poll ends the innermost range of its site, which may not be a guard's.
static SCOPE: Site = Site::new(Kind::Request, "request", file!(), line!(), module_path!());

/// Opens a request: the stages and steps that run on this thread until the guard drops are timed under this id, in
/// `timing_rank*.json` and the summary. In async code use [`request_scope`]: this guard stays on its thread.
///
/// Cost while nothing records: one load. While recording: two entries and one more per eight bytes of the id.
pub fn request(id: &str) -> Range {
    tell(&SITE, id);
    Range::enter(&SITE)
}

/// Makes a request of a future: the stages and steps that run in its polls, on whichever threads, are timed under this
/// id. Requests that run at the same time are kept apart, also on one thread.
///
/// What the future hands to other tasks (`spawn`) is no longer in it, unless that is a scope too. The request lasts from
/// its first poll to its completion or drop.
///
/// Cost of a poll while nothing records: two loads. While recording: as an async stage, and at the first poll of a
/// recording an entry per eight bytes of the id.
///
/// ```
/// # async fn generate(prompt: &str) -> usize { prompt.len() }
/// async fn handler(id: String, prompt: String) -> usize {
///     profiler_runtime::request_scope(id, generate(&prompt)).await
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
        this.future.poll(context)
    }
}

/// Says the id of the request that begins next on this thread.
fn tell(site: &'static Site, id: &str) {
    if gate::load() & gate::RECORD != 0 {
        Call::text(site.number(), id);
    }
}
