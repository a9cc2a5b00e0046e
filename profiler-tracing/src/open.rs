//! Spans that a thread has entered, with their ranges.
//!
//! Spans may be left in another order than they were entered, so a span is looked for from the
//! innermost outwards. The list keeps its memory.

use std::cell::RefCell;

use profiler_core::{ledger, span};
use profiler_runtime::Range;

use crate::callsite::Callsite;
use crate::state::State;

/// An entered span.
struct Open {
    span: u64,
    callsite: &'static Callsite,
    range: Range,
    /// State whose first enter this is.
    first_of: Option<&'static State>,
}

thread_local! {
    static OPEN: RefCell<Vec<Open>> = const { RefCell::new(Vec::new()) };
}

/// Keeps a span and its range until [`end`]. A range that begins while its thread ends is over at
/// once.
#[inline]
pub(crate) fn begin(span: u64, callsite: &'static Callsite, range: Range, first_of: Option<&'static State>) {
    let _ = OPEN.try_with(|open| {
        let Ok(mut open) = open.try_borrow_mut() else { return };
        if open.len() == open.capacity() {
            // The list's memory counts as the profiler's.
            let _own = ledger::own();
            open.reserve(16);
        }
        open.push(Open { span, callsite, range, first_of });
    });
}

/// Ends the innermost range of a span, if there is one on this thread.
#[inline]
pub(crate) fn end(span: u64) {
    let ended = OPEN.try_with(|open| {
        let mut open = open.try_borrow_mut().ok()?;
        let at = open.iter().rposition(|open| open.span == span)?;
        Some(open.remove(at))
    });
    // The range ends outside the borrow, because the end may call an attached tool.
    if let Ok(Some(Open { range, first_of, .. })) = ended {
        match first_of {
            Some(state) => state.set_first_enter(span::begin_ticks(&range), span::end(range)),
            None => drop(range),
        }
    }
}

/// Returns the innermost span of this thread, with its callsite.
pub(crate) fn innermost() -> Option<(u64, &'static Callsite)> {
    let innermost = OPEN.try_with(|open| open.try_borrow().ok()?.last().map(|open| (open.span, open.callsite)));
    innermost.ok().flatten()
}
