//! Conversion from a device's clock, as CUDA events measure it, to the ranges' clock.
//!
//! The device's time is 0 at the context's reference event, whose time on the host is known within
//! a bracket. A second bracket at the end of the session shows the drift between the clocks.

use crate::model::time::Timeline;
use crate::records::events::{EventContext, Sample};

/// Resolution of an event's time near the reference.
const FINEST_NS: u64 = 500;
/// Fraction bits of a single-precision number.
const MANTISSA: u32 = 23;
/// Inverse of the maximum plausible drift; if the drift exceeds 0.1 %, the bracket at the end is
/// wrong.
const MAX_DRIFT_INVERSE: i128 = 1000;

/// Conversion of one context.
#[derive(Clone, Copy, Debug)]
pub(super) struct DeviceClock {
    /// Reference on both clocks, device first.
    from: (i128, i128),
    /// Reading at the end on both clocks, device first; `None` if it is missing or implausible.
    to: Option<(i128, i128)>,
    uncertainty_ns: u64,
}

/// Returns the resolution of an event's time at this distance from the reference.
pub(super) fn resolution_ns(since_reference: i64) -> u64 {
    FINEST_NS.max(since_reference.unsigned_abs() >> MANTISSA)
}

impl DeviceClock {
    pub(super) fn new(context: &EventContext, timeline: &Timeline) -> Self {
        let moment = |sample: &Sample| {
            let (before, after) = (timeline.ns_anywhere(sample.before), timeline.ns_anywhere(sample.after));
            ((before + after) / 2, u64::try_from(after - before).unwrap_or(0) / 2)
        };
        let first = context.began.as_ref().map(moment);
        let last = context.ended.as_ref().map(|(device, sample)| (i128::from(*device), moment(sample)));
        let (from, to, bracket) = match (first, last) {
            (Some((host, half)), Some((device, (end, end_half)))) => {
                let is_clock = device > 0 && (end - host - device).abs() * MAX_DRIFT_INVERSE <= device;
                ((0, host), is_clock.then_some((device, end)), if is_clock { half.max(end_half) } else { half })
            }
            (Some((host, half)), None) => ((0, host), None, half),
            (None, Some((device, (end, half)))) => ((device, end), None, half),
            // Nothing is known except that it was in the window.
            (None, None) => ((0, i128::from(timeline.begin())), None, timeline.end().saturating_sub(timeline.begin())),
        };
        let float = context.ended.map_or(FINEST_NS, |(device, _)| resolution_ns(device));
        let uncertainty_ns = bracket.saturating_add(float).saturating_add(timeline.uncertainty_ns());
        Self { from, to, uncertainty_ns }
    }

    /// Converts a device's time.
    pub(super) fn ns(&self, device: i64) -> u64 {
        let passed = i128::from(device) - self.from.0;
        let host = match self.to {
            Some(to) => self.from.1 + passed * (to.1 - self.from.1) / (to.0 - self.from.0),
            None => self.from.1 + passed,
        };
        u64::try_from(host).unwrap_or(0)
    }

    /// Returns the maximum error of a converted time.
    pub(super) const fn uncertainty_ns(&self) -> u64 {
        self.uncertainty_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::context::Window;
    use profiler_core::clock::Anchor;

    const EPOCH: u64 = 1_790_000_000_000_000_000;

    fn timeline() -> Timeline {
        let at = |ns| Anchor { ticks: ns, monotonic_ns: ns, unix_ns: EPOCH + ns, uncertainty_ticks: 0, asleep_ns: 0 };
        Timeline::new(&Window { process: at(0), start: at(0), end: at(1_000_000_000), open: (0, 0), later: None })
    }

    fn clock(began: Option<u64>, ended: Option<(i64, u64)>) -> DeviceClock {
        let sample = |at: u64| Sample { before: at - 100, after: at + 100 };
        let ended = ended.map(|(device, at)| (device, sample(at)));
        DeviceClock::new(&EventContext { device: 0, began: began.map(sample), ended }, &timeline())
    }

    #[test]
    fn a_reference_is_enough() {
        let clock = clock(Some(5_000), None);
        assert_eq!((clock.ns(0), clock.ns(700)), (EPOCH + 5_000, EPOCH + 5_700));
        assert!((600..700).contains(&clock.uncertainty_ns()), "{}", clock.uncertainty_ns());
    }

    #[test]
    fn a_second_look_takes_out_the_drift_also_after_the_window() {
        let clock = clock(Some(1_000_000), Some((2_000_000_000, 2_001_020_000)));
        let off = clock.ns(1_000_000_000).abs_diff(EPOCH + 1_001_010_000);
        assert!(off <= 1, "{off}");
    }

    #[test]
    fn a_second_reading_that_cannot_be_true_is_left_out() {
        assert_eq!(clock(Some(1_000), Some((1_000_000, 5_000_000))).ns(1_000_000), EPOCH + 1_001_000);
        assert_eq!(clock(None, Some((1_000_000, 5_000_000))).ns(0), EPOCH + 4_000_000);
    }

    #[test]
    fn resolution_grows_with_the_distance() {
        assert_eq!((resolution_ns(1_000_000_000), resolution_ns(-84_000_000_000)), (500, 10_013));
    }
}
