//! Ranges of futures: a future's life from its first poll to completion or drop, and each poll on
//! the thread that ran it.
//!
//! A future's life is a numbered *task*. Each poll records an ordinary range preceded by a `Task`
//! entry, so that inner ranges nest in the poll, whichever thread runs it.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures_core::FusedFuture;
use pin_project_lite::pin_project;

use crate::call::shape_writer::Described;
use crate::call::{self, Call};
use crate::hooks::{correlation, cpu_time, stack, steps, tool};
use crate::kind::Kind;
use crate::ledger;
use crate::site::Site;
use crate::stream::buffer;
use crate::stream::entry::{COMPLETED, ENDS, Entry, FIRST_POLL, Tag};
use crate::stream::losses::Loss;
use crate::stream::shared::Shared;
use crate::{clock, gate, select};

/// Number of task numbers that a thread takes at a time.
const BLOCK: u64 = 1 << 10;

thread_local! {
    /// Next task number of this thread, and the end of its block.
    static NUMBERS: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// Returns the number of a new task: unique in the process and never 0.
pub(crate) fn next_task() -> u64 {
    static BLOCKS: AtomicU64 = AtomicU64::new(0);
    let (next, end) = NUMBERS.get();
    let (next, end) = if next < end {
        (next, end)
    } else {
        // ORDERING: only uniqueness matters.
        let start = BLOCKS.fetch_add(1, Ordering::Relaxed) * BLOCK + 1;
        (start, start + BLOCK)
    };
    NUMBERS.set((next + 1, end));
    next
}

pin_project! {
    /// A future whose life and polls are recorded as ranges of a site.
    ///
    /// It implements the traits of the wrapped future, so that a function may still promise them
    /// for its return value.
    #[must_use = "futures do nothing unless polled"]
    pub struct Instrumented<F> {
        #[pin]
        future: F,
        life: Life,
    }
}

/// State of a task.
#[derive(Debug)]
struct Life {
    site: &'static Site,
    /// Number of the task; 0 before it is recorded.
    task: u64,
    /// Recording that last decided about the task and received its description (see
    /// [`gate::recording`]); 0 for none.
    described_in: u32,
    /// Decision of that recording.
    state: Decision,
    /// Admitted guards that the task holds between polls.
    held: select::Held,
    /// True once the future has been polled, recorded or not.
    polled: bool,
    /// Begin of the step, if the future is a step that was polled while steps were counted.
    step: Option<steps::StepLife>,
    /// Description of the call, kept because each new recording needs it.
    described: Vec<Entry>,
    /// The task's life in the attached tool.
    shown: Option<Shared<tool::Life>>,
}

/// A recording's decision about a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    /// Not recorded: no recording has seen the task yet, or the selection excludes its site.
    LeftOut,
    /// Recorded.
    Recorded,
    /// Recorded, and `select` counts its polls.
    Admitted,
}

/// Records the life and the polls of `future` as ranges of `site`.
#[inline(always)]
pub fn instrument<F: Future>(site: &'static Site, future: F) -> Instrumented<F> {
    Instrumented { future, life: Life::new(site, Vec::new()) }
}

/// Description of a future's call, kept until the first poll, which may be on another thread.
#[derive(Debug, Default)]
pub struct DescribedCall(Vec<Entry>);

/// Describes a future's call, as [`describe`](crate::__private::describe) does for a function's.
/// Allocates while something records.
#[inline(always)]
pub fn describe_async(site: &'static Site, description: impl FnOnce(&mut Call)) -> DescribedCall {
    DescribedCall(call::describe_later(site, description))
}

/// Records the life and the polls of `future`, as [`instrument`] does, with a description of the
/// call.
#[inline(always)]
pub fn instrument_call<F: Future>(site: &'static Site, call: DescribedCall, future: F) -> Instrumented<F> {
    Instrumented { future, life: Life::new(site, call.0) }
}

impl<F> Instrumented<F> {
    /// Returns whether the next poll is the first in its recording.
    pub(super) fn needs_description(&self) -> bool {
        gate::load() & gate::RECORD != 0 && self.life.described_in != gate::recording()
    }
}

/// The clone is a new task, which begins with its own first poll.
impl<F: Clone> Clone for Instrumented<F> {
    fn clone(&self) -> Self {
        let mut described = Described::default();
        {
            // The entries' memory counts as the profiler's.
            let _own = ledger::own();
            described.extend(&self.life.described);
        }
        Self { future: self.future.clone(), life: Life::new(self.life.site, described.finish()) }
    }
}

impl<F: fmt::Debug> fmt::Debug for Instrumented<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.future.fmt(formatter)
    }
}

impl<F: FusedFuture> FusedFuture for Instrumented<F> {
    fn is_terminated(&self) -> bool {
        self.future.is_terminated()
    }
}

// A panic between two writes leaves at most a range without an end.
impl UnwindSafe for Life {}
impl RefUnwindSafe for Life {}

impl<F: Future> Future for Instrumented<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.poll_inside(context, |_| ())
    }
}

impl<F: Future> Instrumented<F> {
    /// Polls the future. Calls `enter` with the task if it is recorded, and drops the result after
    /// the poll.
    #[inline(always)]
    pub(super) fn poll_inside<G>(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        enter: impl FnOnce(Option<Continuation>) -> G,
    ) -> Poll<F::Output> {
        let this = self.project();
        let gate = gate::load();
        if gate == 0 {
            // One store: a recording that begins later must not take its first poll for the
            // future's.
            this.life.polled = true;
            return this.future.poll(context);
        }
        let slice = this.life.begin_poll(gate);
        let inside = enter(slice.continued());
        let result = this.future.poll(context);
        drop(inside);
        drop(slice);
        if result.is_ready() {
            this.life.end(COMPLETED);
        }
        result
    }
}

/// A recorded task whose work continues on another thread, where it counts as one more poll.
#[derive(Clone, Copy, Debug)]
pub(super) struct Continuation {
    task: u64,
    site: u32,
    /// Recording that the task belongs to; see [`gate::recording`].
    recording: u32,
}

impl Continuation {
    /// Runs `body` as part of the task if the task's recording is still running; `enter` is as in
    /// [`Instrumented::poll_inside`].
    pub(super) fn run<G, R>(self, enter: impl FnOnce(Option<Self>) -> G, body: impl FnOnce() -> R) -> R {
        let gate = gate::load();
        if gate & gate::RECORD == 0 || gate::recording() != self.recording {
            return body();
        }
        let Self { task, site, .. } = self;
        let mut held = select::Held::none();
        let mut slice = Slice::unrecorded(&mut held, site, task);
        slice.record(gate, 0);
        let _inside = enter(slice.continued());
        body()
    }
}

/// One poll of a task.
struct Slice<'a> {
    held: &'a mut select::Held,
    site: u32,
    task: u64,
    recorded: bool,
    /// True if the CPU time of the poll is measured.
    timed: bool,
    /// State of the poll in `select`, if a selection applies.
    filtered: Option<select::Polled>,
    correlated: Option<u64>,
    shown: Option<u64>,
    step: Option<u64>,
}

impl Life {
    #[inline(always)]
    const fn new(site: &'static Site, described: Vec<Entry>) -> Self {
        let held = select::Held::none();
        Self {
            site,
            task: 0,
            described_in: 0,
            state: Decision::LeftOut,
            held,
            polled: false,
            step: None,
            described,
            shown: None,
        }
    }

    #[inline(never)]
    fn begin_poll(&mut self, gate: u32) -> Slice<'_> {
        // While the thread works for the profiler it may hold locks (see `buffer`), so nothing is
        // recorded.
        let (gate, site) = if ledger::is_own() { (0, 0) } else { (gate, self.site.number()) };
        let gate = tool::probed_gate(gate);
        let shown = if gate & gate::NVTX == 0 { None } else { self.show_poll() };
        let is_step = self.site.kind() == Kind::Step && gate & gate::STEPS != 0;
        let step = if is_step && site != 0 { steps::begin_poll(site) } else { None };
        let step = step.map(|(key, step)| {
            self.step.get_or_insert(step);
            key
        });
        let timed = cpu_time::is_measured(gate, self.site);
        let first = !std::mem::replace(&mut self.polled, true);
        let is_recorded = gate & gate::RECORD != 0 && self.is_recorded(gate);
        let is_filtered = gate & (gate::RECORD | gate::FILTER) == gate::RECORD | gate::FILTER;
        let is_admitted = self.state == Decision::Admitted;
        let filtered = if is_filtered { select::begin_poll(self.task, is_admitted, self.held) } else { None };
        let Self { task, held, .. } = self;
        let mut slice = Slice::unrecorded(held, site, *task);
        (slice.timed, slice.filtered, slice.shown, slice.step) = (timed, filtered, shown, step);
        if is_recorded {
            slice.record(gate, if first { FIRST_POLL } else { 0 });
        }
        slice
    }

    /// Returns whether the current recording includes the task. The first poll in a recording
    /// decides that and writes the description.
    fn is_recorded(&mut self, gate: u32) -> bool {
        let recording = gate::recording();
        let is_described = std::mem::replace(&mut self.described_in, recording) == recording;
        if !is_described {
            self.decide(gate);
        }
        let is_recorded = self.state != Decision::LeftOut;
        if is_recorded && !is_described {
            self.write_description();
        }
        is_recorded
    }

    /// Decides whether a recording that sees the task for the first time includes it. The task
    /// keeps its number in all recordings.
    fn decide(&mut self, gate: u32) {
        let filtered = gate & gate::FILTER != 0 && self.site.kind() != Kind::Request;
        self.state = match filtered {
            false => Decision::Recorded,
            true if select::admits(self.site) => Decision::Admitted,
            true => Decision::LeftOut,
        };
        if self.state != Decision::LeftOut && self.site.number() == 0 {
            Loss::NoMemory.count();
            self.state = Decision::LeftOut;
        }
        if self.task == 0 {
            self.task = next_task();
        }
    }

    /// Writes the call's description.
    fn write_description(&self) {
        for entry in &self.described {
            buffer::append(false, || *entry);
        }
    }

    /// Shows a poll to the attached tool, and before the first one the task's life.
    fn show_poll(&mut self) -> Option<u64> {
        if self.shown.is_none() {
            self.shown = tool::Life::begin(self.site, &self.described);
        }
        self.shown.as_ref().and_then(|life| life.begin_poll(self.site))
    }

    /// Ends the task, which has completed or is dropped unfinished.
    fn end(&mut self, outcome: u32) {
        if std::mem::replace(&mut self.state, Decision::LeftOut) != Decision::LeftOut {
            self.record_end(self.task, outcome);
        }
        if let Some(life) = self.shown.take() {
            life.end();
        }
        if let Some(step) = self.step.take() {
            steps::end_life(step);
        }
    }

    #[cold]
    fn record_end(&self, task: u64, outcome: u32) {
        let (site, ticks) = (self.site.number(), clock::ticks());
        buffer::append(true, || Entry::new(Tag::Task, site, task).with_argument(ENDS));
        buffer::append(true, || Entry::new(Tag::TaskEnd, site, ticks).with_argument(outcome));
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.end(0);
        if !self.described.is_empty() {
            // The entries' memory counts as the profiler's.
            let _own = ledger::own();
            drop(std::mem::take(&mut self.described));
        }
    }
}

impl<'a> Slice<'a> {
    const fn unrecorded(held: &'a mut select::Held, site: u32, task: u64) -> Self {
        let (recorded, timed, filtered, correlated, shown, step) = (false, false, None, None, None, None);
        Self { held, site, task, recorded, timed, filtered, correlated, shown, step }
    }

    /// Writes the poll's begin if there is room.
    #[inline(always)]
    fn record(&mut self, gate: u32, flags: u32) {
        let (site, task) = (self.site, self.task);
        if gate & gate::STACKS != 0 {
            stack::write(site);
        }
        if buffer::append(false, || Entry::new(Tag::Task, site, task).with_argument(flags)) {
            self.correlated = correlation::push(gate);
            if self.timed {
                cpu_time::write(site);
            }
            self.recorded = buffer::append(false, || Entry::new(Tag::Begin, site, clock::ticks()));
        }
    }

    /// Returns a handle with which the task continues on other threads; `None` if the poll is not
    /// recorded.
    #[inline(always)]
    fn continued(&self) -> Option<Continuation> {
        let Self { task, site, .. } = *self;
        self.recorded.then(|| Continuation { task, site, recording: gate::recording() })
    }
}

impl Drop for Slice<'_> {
    fn drop(&mut self) {
        if self.recorded {
            let ticks = clock::ticks();
            let site = self.site;
            if self.timed {
                cpu_time::write(site);
            }
            buffer::append(true, || Entry::new(Tag::End, site, ticks));
        }
        if let Some(id) = self.correlated {
            correlation::pop(id);
        }
        if let Some(key) = self.shown {
            tool::end(key);
        }
        if let Some(poll) = &self.filtered {
            *self.held = select::end_poll(poll);
        }
        if let Some(step) = self.step {
            steps::suspend(step);
        }
    }
}
