//! Logs repeated failures at a limited rate: one line a minute for each reason, whatever the number
//! of clients.
//!
//! The first failure of a reason is logged in full. Those of the following minute are counted, and
//! the next line contains their number. Failures that are still only counted when the listener ends
//! are logged then.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Minimum time between two lines of one reason.
const INTERVAL: Duration = Duration::from_secs(60);

/// A log with a limited rate for each reason.
#[derive(Debug)]
pub(super) struct ThrottledLog {
    /// Logs the remaining counts at the end.
    log: fn(fmt::Arguments<'_>),
    reasons: Mutex<BTreeMap<&'static str, Reason>>,
}

#[derive(Debug)]
struct Reason {
    last: Instant,
    unlogged: u64,
}

impl ThrottledLog {
    pub(super) const fn new(log: fn(fmt::Arguments<'_>)) -> Self {
        Self { log, reasons: Mutex::new(BTreeMap::new()) }
    }

    /// Counts a failure. If it should be logged, returns the end of its line, with the number of
    /// failures that were not logged.
    pub(super) fn count(&self, reason: &'static str) -> Option<String> {
        let more = |unlogged| format!(" (and {unlogged} more like it since the last line)");
        self.count_at(reason, Instant::now()).map(|unlogged| if unlogged == 0 { String::new() } else { more(unlogged) })
    }

    /// Returns the number of unlogged failures of this reason if this one should be logged.
    fn count_at(&self, reason: &'static str, now: Instant) -> Option<u64> {
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        match reasons.get_mut(reason) {
            Some(reason) if now.saturating_duration_since(reason.last) < INTERVAL => {
                reason.unlogged += 1;
                None
            }
            Some(reason) => {
                reason.last = now;
                Some(std::mem::take(&mut reason.unlogged))
            }
            None => {
                reasons.insert(reason, Reason { last: now, unlogged: 0 });
                Some(0)
            }
        }
    }
}

impl Drop for ThrottledLog {
    fn drop(&mut self) {
        let reasons = std::mem::take(self.reasons.get_mut().unwrap_or_else(PoisonError::into_inner));
        for (reason, Reason { unlogged, .. }) in reasons.into_iter().filter(|(_, reason)| reason.unlogged > 0) {
            (self.log)(format_args!("{reason}: {unlogged} more since the last line"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G14: a thousand failing connections do not fill the log.
    #[test]
    fn a_reason_is_logged_once_a_minute_with_a_count() {
        let (log, begin) = (ThrottledLog::new(|_| {}), Instant::now());
        let logged: Vec<_> =
            (0..180).filter_map(|second| log.count_at("late", begin + Duration::from_secs(second))).collect();
        assert_eq!(logged, [0, 59, 59]);
        assert_eq!(log.count_at("other", begin), Some(0), "one reason hides no other");
    }
}
