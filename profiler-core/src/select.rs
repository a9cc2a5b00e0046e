//! Selection: the ranges that are recorded while the gate's `FILTER` bit is set.
//!
//! A site is recorded if the session's pattern admits its name, or if it runs inside a range that
//! was admitted, on the same thread or inside the same poll. A guard that is held over `.await`
//! admits the work of its own future: it is set aside with the future between polls, so that other
//! tasks of the thread are selected for themselves.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::few::Few;
use crate::gate;
use crate::ledger;
use crate::process::PerProcess;
use crate::site::Site;

type Pattern = Box<dyn Fn(&str) -> bool + Send + Sync>;

struct Filter {
    admits: Pattern,
    answers: HashMap<u32, bool>,
}

static FILTER: PerProcess<RwLock<Option<Filter>>> = PerProcess::new(|_| RwLock::default());

thread_local! {
    static INSIDE: RefCell<Inside> = const { RefCell::new(Inside { recording: 0, count: 0, polls: Few::new() }) };
}

/// Open ranges and polls of a thread.
struct Inside {
    /// Recording that the count belongs to: ranges that an earlier one has admitted admit nothing
    /// now.
    recording: u32,
    /// Number of admitted ranges.
    count: u32,
    /// Tasks that are being polled, outermost first.
    polls: Few<u64, 4>,
}

impl Inside {
    /// Returns whether there is memory for another task.
    fn has_room(&mut self) -> bool {
        if !self.polls.is_full() {
            return true;
        }
        // The list's memory is not the program's.
        let _own = ledger::own();
        self.polls.has_room(1)
    }
}

/// An admitted guard, until its end.
#[derive(Clone, Copy)]
pub(super) struct Admitted {
    recording: u32,
    /// Task in whose poll the guard began; 0 for none.
    task: u64,
}

/// Admitted guards that a task holds between polls.
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

/// A poll, until its end.
pub(super) struct Polled {
    recording: u32,
    /// Number of admitted ranges around it.
    around: u32,
    /// 1 if the poll is admitted itself.
    own: u32,
    /// True if the task is listed among those that are being polled: there was memory for it.
    is_listed: bool,
}

/// Sets the pattern of admitted names, or lifts the selection.
pub fn set(pattern: Option<Pattern>) {
    let filter = pattern.map(|admits| Filter { admits, answers: HashMap::new() });
    *FILTER.write().unwrap_or_else(PoisonError::into_inner) = filter;
}

/// Returns whether a range of this site that begins on this thread now is recorded.
pub(super) fn admits(site: &'static Site) -> bool {
    with(|inside| inside.count > 0).unwrap_or(false) || matches(site)
}

fn matches(site: &'static Site) -> bool {
    // The lock and the answers' memory are not the program's.
    let _own = ledger::own();
    let number = site.number();
    {
        let filter = FILTER.read().unwrap_or_else(PoisonError::into_inner);
        let Some(filter) = filter.as_ref() else { return true };
        if let Some(&answer) = filter.answers.get(&number) {
            return answer;
        }
        // Without memory for a number, the site has none, and its answer is not kept.
        if number == 0 {
            return (filter.admits)(site.name());
        }
    }
    let mut filter = FILTER.write().unwrap_or_else(PoisonError::into_inner);
    let Some(filter) = filter.as_mut() else { return true };
    let answer = (filter.admits)(site.name());
    // Without memory for the answer, the pattern is asked again.
    if filter.answers.try_reserve(1).is_ok() {
        filter.answers.insert(number, answer);
    }
    answer
}

/// Begins an admitted guard on this thread.
pub(super) fn enter() -> Option<Admitted> {
    with(|inside| {
        inside.count += 1;
        Admitted { recording: inside.recording, task: inside.polls.last().copied().unwrap_or(0) }
    })
}

/// Ends an admitted guard. The count excludes it while its task is not being polled, as when the
/// task is dropped.
pub(super) fn leave(guard: Admitted) {
    with(|inside| {
        if guard.recording == inside.recording && (guard.task == 0 || inside.polls.contains(&guard.task)) {
            inside.count = inside.count.saturating_sub(1);
        }
    });
}

/// Begins a poll of `task`: the guards that the task holds are open again.
pub(super) fn begin_poll(task: u64, is_admitted: bool, held: Held) -> Option<Polled> {
    with(|inside| {
        let is_listed = inside.has_room();
        if is_listed {
            inside.polls.push(task);
        }
        let polled = Polled { recording: inside.recording, around: inside.count, own: is_admitted.into(), is_listed };
        let held = if held.recording == inside.recording { held.count } else { 0 };
        inside.count += polled.own + held;
        polled
    })
}

/// Ends a poll. Returns the guards that the task holds from here on.
pub(super) fn end_poll(poll: &Polled) -> Held {
    let held = with(|inside| {
        if poll.is_listed {
            inside.polls.pop();
        }
        if poll.recording != inside.recording {
            return Held::none();
        }
        let left = inside.count.saturating_sub(poll.own);
        // A guard from outside the poll may have ended in it.
        inside.count = left.min(poll.around);
        Held { recording: inside.recording, count: left - inside.count }
    });
    held.unwrap_or(Held::none())
}

/// Calls `with` on the open ranges of this thread; returns `None` if the thread is ending.
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
