//! Refusals in the log: one line a minute for each reason, however many strangers knock.
//!
//! The first of a reason is logged in full. The others of the next minute are counted, and the next
//! line has their number; refusals that are still uncounted when the listener ends are logged then.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time between two lines of one reason.
const BETWEEN: Duration = Duration::from_secs(60);

/// Refusals by their reasons, and when each was last logged.
#[derive(Debug)]
pub(super) struct Refusals {
    /// Logs the remaining refusals at the end.
    log: fn(fmt::Arguments<'_>),
    told: Mutex<BTreeMap<&'static str, Told>>,
}

#[derive(Debug)]
struct Told {
    last: Instant,
    untold: u64,
}

impl Refusals {
    pub(super) const fn new(log: fn(fmt::Arguments<'_>)) -> Self {
        Self { log, told: Mutex::new(BTreeMap::new()) }
    }

    /// Counts a refusal. If it is to be logged, returns the end of its line, with the number of
    /// refusals that were not.
    pub(super) fn count(&self, reason: &'static str) -> Option<String> {
        let more = |untold| format!(" (and {untold} more like it since the last line)");
        self.count_at(reason, Instant::now()).map(|untold| if untold == 0 { String::new() } else { more(untold) })
    }

    /// Returns how many of its reason were not logged before it, if this one is to be logged.
    fn count_at(&self, reason: &'static str, now: Instant) -> Option<u64> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match told.get_mut(reason) {
            Some(told) if now.saturating_duration_since(told.last) < BETWEEN => {
                told.untold += 1;
                None
            }
            Some(told) => {
                told.last = now;
                Some(std::mem::take(&mut told.untold))
            }
            None => {
                told.insert(reason, Told { last: now, untold: 0 });
                Some(0)
            }
        }
    }
}

impl Drop for Refusals {
    fn drop(&mut self) {
        let told = std::mem::take(self.told.get_mut().unwrap_or_else(PoisonError::into_inner));
        for (reason, Told { untold, .. }) in told.into_iter().filter(|(_, told)| told.untold > 0) {
            (self.log)(format_args!("{reason}: {untold} more since the last line"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G14: whoever knocks a thousand times fills no log.
    #[test]
    fn a_reason_is_told_once_a_minute_with_a_count() {
        let (refusals, begin) = (Refusals::new(|_| {}), Instant::now());
        let told: Vec<_> =
            (0..180).filter_map(|second| refusals.count_at("late", begin + Duration::from_secs(second))).collect();
        assert_eq!(told, [0, 59, 59]);
        assert_eq!(refusals.count_at("other", begin), Some(0), "one reason hides no other");
    }
}
