//! Conversion from CUPTI's clock to the ranges' clock.
//!
//! Both count nanoseconds since the Unix epoch. The ranges' clock follows the processor's counter
//! from the window's start; CUPTI's follows the system's real-time clock, which is slewed and may
//! be set. Both were read together at the start and the end of the window; in between, the
//! difference is interpolated linearly.

use crate::model::context::Window;
use crate::model::time::Timeline;
use crate::records::gpu::ClockSample;

/// Change of the difference between the clocks above which there is a warning.
const SUSPICIOUS_NS: u64 = 1_000_000;

/// Conversion of one recording.
#[derive(Clone, Copy, Debug)]
pub(in crate::model) struct GpuClock {
    begin: i128,
    length: i128,
    /// Nanoseconds to subtract at the window's start, and at its end.
    offsets: [i128; 2],
    uncertainty_ns: u64,
}

impl GpuClock {
    /// Creates the conversion from the samples at the window's start and end.
    pub(in crate::model) fn new(window: &Window, timeline: &Timeline, samples: &[ClockSample; 2]) -> Self {
        let drift = i128::from(window.end.unix_ns) - i128::from(timeline.end());
        let width = |sample: &ClockSample| sample.after_ns.saturating_sub(sample.before_ns);
        Self {
            begin: i128::from(window.start.unix_ns),
            length: i128::from(window.end.unix_ns) - i128::from(window.start.unix_ns),
            offsets: [offset(&samples[0]), offset(&samples[1]) + drift],
            uncertainty_ns: samples.iter().map(width).max().unwrap_or(0) / 2 + timeline.uncertainty_ns(),
        }
    }

    /// Converts a time of the source's clock.
    pub(in crate::model) fn ns(&self, source_ns: u64) -> u64 {
        let time = i128::from(source_ns);
        let [first, last] = self.offsets;
        let passed = (time - first - self.begin).clamp(0, self.length.max(0));
        let offset = if self.length > 0 { first + (last - first) * passed / self.length } else { first };
        u64::try_from(time - offset).unwrap_or(0)
    }

    /// Returns the maximum error of a converted time.
    pub(in crate::model) const fn uncertainty_ns(&self) -> u64 {
        self.uncertainty_ns
    }

    /// Returns a warning if the real-time clock was set during the recording.
    pub(in crate::model) fn warning(&self) -> Option<String> {
        let moved = self.offsets[0].abs_diff(self.offsets[1]);
        (moved > u128::from(SUSPICIOUS_NS)).then(|| {
            format!(
                "the system's clock was set by {:.3} ms during the recording: GPU times may be off by as much",
                // CAST: for people.
                moved as f64 / 1e6
            )
        })
    }
}

/// Returns how far the source's clock is ahead of the real-time clock; 0 if they are the same
/// clock.
fn offset(sample: &ClockSample) -> i128 {
    let ClockSample { source_ns, before_ns, after_ns } = *sample;
    if (before_ns..=after_ns).contains(&source_ns) {
        return 0;
    }
    i128::from(source_ns) - (i128::from(before_ns) + i128::from(after_ns)) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use profiler_core::clock::Anchor;

    const EPOCH: u64 = 1_790_000_000_000_000_000;

    /// Returns the conversion for a window of one second in which the real-time clock gained
    /// `gained` ns.
    fn clock(gained: u64, samples: [ClockSample; 2]) -> GpuClock {
        let at = |ns: u64, gained: u64| Anchor {
            ticks: ns,
            monotonic_ns: ns,
            unix_ns: EPOCH + ns + gained,
            uncertainty_ticks: 0,
            asleep_ns: 0,
        };
        let window =
            Window { process: at(0, 0), start: at(0, 0), end: at(1_000_000_000, gained), open: (0, 0), later: None };
        GpuClock::new(&window, &Timeline::new(&window), &samples)
    }

    fn sample(ahead: i64) -> ClockSample {
        let source_ns = EPOCH.saturating_add_signed(ahead);
        ClockSample { source_ns, before_ns: EPOCH - 50, after_ns: EPOCH + 50 }
    }

    #[test]
    fn a_source_on_the_real_time_clock_is_taken_as_it_is() {
        let clock = clock(0, [sample(7), sample(-20)]);
        assert_eq!(clock.ns(EPOCH + 500), EPOCH + 500);
        assert_eq!(clock.uncertainty_ns(), 50);
        assert_eq!(clock.warning(), None);
    }

    #[test]
    fn a_clock_that_gains_is_brought_back_evenly() {
        let clock = clock(1000, [sample(0), sample(0)]);
        assert_eq!(clock.ns(EPOCH), EPOCH);
        assert!(clock.ns(EPOCH + 500_000_500).abs_diff(EPOCH + 500_000_000) <= 1);
        assert!(clock.ns(EPOCH + 1_000_001_000).abs_diff(EPOCH + 1_000_000_000) <= 1);
        assert!(clock.ns(EPOCH + 1_000_002_000).abs_diff(EPOCH + 1_000_001_000) <= 1, "after the window");
    }

    #[test]
    fn a_clock_of_its_own_is_shifted_and_one_that_jumped_is_told() {
        let clock_of_its_own = clock(0, [sample(-1_000_000), sample(-1_000_000)]);
        assert_eq!(clock_of_its_own.ns(EPOCH - 1_000_000), EPOCH);
        assert!(clock(5_000_000, [sample(0), sample(0)]).warning().is_some());
    }
}
