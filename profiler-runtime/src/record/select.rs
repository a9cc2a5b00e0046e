//! Selection: which ranges are recorded while the gate's `FILTER` bit is set.
//!
//! A site is recorded if the session's pattern admits its name, or if it runs inside a range that was admitted, on the
//! same thread or inside the same poll.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use super::site::Site;

type Pattern = Box<dyn Fn(&str) -> bool + Send + Sync>;

struct Filter {
    admits: Pattern,
    answers: HashMap<u32, bool>,
}

static FILTER: RwLock<Option<Filter>> = RwLock::new(None);

thread_local! {
    /// Admitted ranges that are open on this thread.
    static INSIDE: Cell<u32> = const { Cell::new(0) };
}

/// Sets what is admitted, or lifts the selection.
pub(crate) fn set(pattern: Option<Pattern>) {
    let filter = pattern.map(|admits| Filter { admits, answers: HashMap::new() });
    *FILTER.write().unwrap_or_else(PoisonError::into_inner) = filter;
}

/// Whether a range of this site, beginning here and now, is recorded.
pub(super) fn admits(site: &'static Site) -> bool {
    INSIDE.get() > 0 || matches(site)
}

fn matches(site: &'static Site) -> bool {
    let number = site.number();
    {
        let filter = FILTER.read().unwrap_or_else(PoisonError::into_inner);
        let Some(filter) = filter.as_ref() else { return true };
        if let Some(&answer) = filter.answers.get(&number) {
            return answer;
        }
    }
    let mut filter = FILTER.write().unwrap_or_else(PoisonError::into_inner);
    let Some(filter) = filter.as_mut() else { return true };
    let answer = (filter.admits)(site.name());
    filter.answers.insert(number, answer);
    answer
}

/// An admitted range begins on this thread.
pub(super) fn enter() {
    INSIDE.set(INSIDE.get() + 1);
}

/// It ends.
pub(super) fn leave() {
    INSIDE.set(INSIDE.get().saturating_sub(1));
}
