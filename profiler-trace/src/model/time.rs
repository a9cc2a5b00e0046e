//! The conversion of ticks to nanoseconds since the Unix epoch.
//!
//! The rate is the recording's [`pace`](super::pace); the position is that of the window's first
//! anchor, so a step of the real-time clock during the recording changes no duration. The
//! arithmetic is integral and monotone: ranges that nest in ticks nest in nanoseconds.

use super::context::Window;
use super::pace::{Jump, Pace};
use profiler_core::clock::Anchor;
use serde::{Deserialize, Serialize};

/// A moment on both of the host's clocks, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reading {
    /// Nanoseconds on the monotonic clock.
    pub(crate) monotonic_ns: u64,
    /// Nanoseconds since the Unix epoch.
    pub(crate) unix_ns: u64,
    /// Maximum time between the two readings.
    pub(crate) uncertainty_ns: u64,
}

/// Fractional bits of the rate.
const FRACTION: u32 = 32;

/// Conversion of one recording's ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeline {
    start_ticks: u64,
    start_ns: u64,
    /// Nanoseconds per tick, as a fixed-point number.
    rate: u64,
    end_ticks: u64,
    end_ns: u64,
    uncertainty_ns: u64,
}

impl Timeline {
    /// Creates the conversion for the time between the window's anchors.
    pub(crate) fn new(window: &Window) -> Self {
        let Pace { ns, ticks } = window.pace();
        let rate = (u128::from(ns) << FRACTION) / u128::from(ticks);
        // CAST: a tick is shorter than four seconds.
        let rate = rate.max(1) as u64;
        let uncertainty = window.start.uncertainty_ticks.max(window.end.uncertainty_ticks);
        let mut timeline = Self {
            start_ticks: window.start.ticks,
            start_ns: window.start.unix_ns,
            rate,
            end_ticks: window.end.ticks.max(window.start.ticks),
            end_ns: 0,
            uncertainty_ns: 0,
        };
        timeline.end_ns = timeline.ns(timeline.end_ticks);
        timeline.uncertainty_ns = timeline.length(uncertainty);
        timeline
    }

    /// Returns the time of a tick, clamped to the window.
    #[inline]
    pub(crate) fn ns(&self, ticks: u64) -> u64 {
        // A damaged spool may hold any value; clamping to the window prevents overflow.
        self.start_ns.saturating_add(self.length(ticks.min(self.end_ticks).saturating_sub(self.start_ticks)))
    }

    #[inline]
    const fn length(&self, ticks: u64) -> u64 {
        // CAST: a window is shorter than 584 years.
        ((ticks as u128 * self.rate as u128) >> FRACTION) as u64
    }

    /// Returns the readings of the host's clocks at an anchor.
    pub(crate) fn reading(&self, anchor: &Anchor) -> Reading {
        let Anchor { monotonic_ns, unix_ns, uncertainty_ticks, .. } = *anchor;
        Reading { monotonic_ns, unix_ns, uncertainty_ns: self.length(uncertainty_ticks) }
    }

    /// Returns the time of a tick, also outside the window.
    pub(super) fn ns_anywhere(&self, ticks: u64) -> i128 {
        let passed = i128::from(ticks) - i128::from(self.start_ticks);
        i128::from(self.start_ns) + (passed.saturating_mul(self.rate.into()) >> FRACTION)
    }

    /// Returns the start of the recording.
    pub(crate) const fn begin(&self) -> u64 {
        self.start_ns
    }

    /// Returns the end of the recording.
    pub(crate) const fn end(&self) -> u64 {
        self.end_ns
    }

    /// Returns the maximum error of the real-time position of all events.
    pub(crate) const fn uncertainty_ns(&self) -> u64 {
        self.uncertainty_ns
    }
}

impl Jump {
    /// Returns the jump with its bounds converted from ticks to time.
    pub(crate) fn on(self, timeline: &Timeline) -> Self {
        let (from, to) = self.within;
        Self { within: (timeline.ns(from), timeline.ns(to)), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_a_3_ghz_clock_become_nanoseconds() {
        let at = |ns: u64| Anchor {
            ticks: 1_000 + ns * 3,
            monotonic_ns: ns,
            unix_ns: 5_000_000_000 + ns,
            uncertainty_ticks: 30,
            asleep_ns: 0,
        };
        let timeline = Timeline::new(&Window {
            process: at(0),
            start: at(1_000_000),
            end: at(9_000_000),
            open: (0, 0),
            later: None,
        });
        assert_eq!(timeline.begin(), 5_001_000_000);
        assert!(timeline.end().abs_diff(5_009_000_000) <= 1);
        assert!(timeline.ns(1_000 + 3 * 2_000_000).abs_diff(5_002_000_000) <= 1);
        assert_eq!(timeline.ns(0), timeline.begin(), "before the window");
        assert_eq!(timeline.ns(u64::MAX), timeline.end(), "after the window");
        assert!(timeline.uncertainty_ns().abs_diff(10) <= 1);
    }

    #[test]
    fn an_empty_window_is_a_window() {
        let anchor = Anchor { ticks: 7, monotonic_ns: 3, unix_ns: 11, uncertainty_ticks: 0, asleep_ns: 0 };
        let timeline =
            Timeline::new(&Window { process: anchor, start: anchor, end: anchor, open: (7, 7), later: None });
        assert_eq!((timeline.begin(), timeline.end()), (11, 11));
    }
}
