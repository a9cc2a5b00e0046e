//! Selection by name: decides which ranges are recorded while the gate's `FILTER` bit is set.
//!
//! A range is recorded if the session's pattern admits its site's name, or if it runs inside an
//! admitted range, on the same thread or inside the same poll. A guard held across `.await` admits
//! only the work of its own future: between polls its count is stored with the future, so that the
//! thread's other tasks are selected on their own.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::gate;
use crate::ledger;
use crate::process::PerProcess;
use crate::site::Site;
use crate::small_vec::SmallVec;

type Pattern = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// The session's pattern, with its decisions cached by site number.
struct Filter {
    admits: Pattern,
    answers: HashMap<u32, bool>,
}

static FILTER: PerProcess<RwLock<Option<Filter>>> = PerProcess::new(|_| RwLock::default());

thread_local! {
    static INSIDE: RefCell<Inside> = const { RefCell::new(Inside { recording: 0, count: 0, polls: SmallVec::new() }) };
}

/// A thread's open admitted ranges and polls.
struct Inside {
    /// Recording that the count belongs to; ranges that an earlier recording admitted no longer
    /// count.
    recording: u32,
    /// Number of open admitted ranges.
    count: u32,
    /// Tasks being polled, outermost first.
    polls: SmallVec<u64, 4>,
}

impl Inside {
    /// Reserves memory for another task; returns false if there is none.
    fn try_reserve(&mut self) -> bool {
        if !self.polls.is_full() {
            return true;
        }
        // The list's memory counts as the profiler's.
        let _own = ledger::own();
        self.polls.try_reserve(1)
    }
}

/// State of an admitted guard until it ends.
#[derive(Clone, Copy)]
pub(super) struct Admitted {
    recording: u32,
    /// Task in whose poll the guard began; 0 for none.
    task: u64,
}

/// Number of admitted guards that a task holds between polls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    recording: u32,
    count: u32,
}

impl Held {
    pub(super) const fn none() -> Self {
        Self { recording: 0, count: 0 }
    }
}

/// State of a poll until it ends.
pub(super) struct Polled {
    recording: u32,
    /// Number of admitted ranges around the poll.
    around: u32,
    /// 1 if the poll itself is admitted, else 0.
    own: u32,
    /// True if there was memory to list the task as being polled.
    is_listed: bool,
}

/// Sets the pattern of admitted names; `None` lifts the selection.
pub fn set(pattern: Option<Pattern>) {
    let filter = pattern.map(|admits| Filter { admits, answers: HashMap::new() });
    *FILTER.write().unwrap_or_else(PoisonError::into_inner) = filter;
}

/// Returns whether a range of this site that begins now on this thread is recorded.
pub(super) fn admits(site: &'static Site) -> bool {
    with(|inside| inside.count > 0).unwrap_or(false) || matches(site)
}

fn matches(site: &'static Site) -> bool {
    // The lock and the cache's memory count as the profiler's.
    let _own = ledger::own();
    let number = site.number();
    {
        let filter = FILTER.read().unwrap_or_else(PoisonError::into_inner);
        let Some(filter) = filter.as_ref() else { return true };
        if let Some(&answer) = filter.answers.get(&number) {
            return answer;
        }
        // A site has no number if memory was short; its answer is not cached.
        if number == 0 {
            return (filter.admits)(site.name());
        }
    }
    let mut filter = FILTER.write().unwrap_or_else(PoisonError::into_inner);
    let Some(filter) = filter.as_mut() else { return true };
    let answer = (filter.admits)(site.name());
    // Without memory the answer is not cached, and the pattern is evaluated again.
    if filter.answers.try_reserve(1).is_ok() {
        filter.answers.insert(number, answer);
    }
    answer
}

/// Counts an admitted guard that begins on this thread.
pub(super) fn enter() -> Option<Admitted> {
    with(|inside| {
        inside.count += 1;
        Admitted { recording: inside.recording, task: inside.polls.last().copied().unwrap_or(0) }
    })
}

/// Ends an admitted guard. If its task is not being polled, as when the task is dropped, the count
/// does not include the guard.
pub(super) fn leave(guard: Admitted) {
    with(|inside| {
        if guard.recording == inside.recording && (guard.task == 0 || inside.polls.contains(&guard.task)) {
            inside.count = inside.count.saturating_sub(1);
        }
    });
}

/// Begins a poll of `task`, and counts the guards that the task holds as open again.
pub(super) fn begin_poll(task: u64, is_admitted: bool, held: Held) -> Option<Polled> {
    with(|inside| {
        let is_listed = inside.try_reserve();
        if is_listed {
            inside.polls.push(task);
        }
        let polled = Polled { recording: inside.recording, around: inside.count, own: is_admitted.into(), is_listed };
        let held = if held.recording == inside.recording { held.count } else { 0 };
        inside.count += polled.own + held;
        polled
    })
}

/// Ends a poll; returns the guards that the task keeps until its next one.
pub(super) fn end_poll(poll: &Polled) -> Held {
    let held = with(|inside| {
        if poll.is_listed {
            inside.polls.pop();
        }
        if poll.recording != inside.recording {
            return Held::none();
        }
        let left = inside.count.saturating_sub(poll.own);
        // A guard from outside may have ended inside the poll.
        inside.count = left.min(poll.around);
        Held { recording: inside.recording, count: left - inside.count }
    });
    held.unwrap_or(Held::none())
}

/// Calls `with` on this thread's state; returns `None` if the thread is ending.
fn with<R>(with: impl FnOnce(&mut Inside) -> R) -> Option<R> {
    let call = |inside: &RefCell<Inside>| {
        let mut inside = inside.try_borrow_mut().ok()?;
        let recording = gate::recording();
        if inside.recording != recording {
            (inside.recording, inside.count) = (recording, 0);
        }
        Some(with(&mut inside))
    };
    INSIDE.try_with(call).ok().flatten()
}
