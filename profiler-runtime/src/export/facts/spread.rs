//! How durations are spread: count, mean, extremes and quantiles, the same in the timing report and the summary.

use serde::Serialize;

use crate::export::format::json::ms;

/// Milliseconds; all zero if there was nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(in crate::export) struct Spread {
    pub(in crate::export) count: u64,
    pub(in crate::export) mean_ms: f64,
    pub(in crate::export) min_ms: f64,
    pub(in crate::export) p50_ms: f64,
    pub(in crate::export) p95_ms: f64,
    pub(in crate::export) max_ms: f64,
}

impl Spread {
    /// Of durations in nanoseconds.
    pub(in crate::export) fn of(durations: impl Iterator<Item = u64>) -> Self {
        let mut sorted: Vec<u64> = durations.collect();
        sorted.sort_unstable();
        let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else { return Self::default() };
        // The smallest duration that at least `percent` of all do not exceed: always one that occurred.
        let quantile = |percent: usize| sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1];
        let count = sorted.len() as u64;
        Self {
            count,
            mean_ms: ms(sorted.iter().sum::<u64>()) / count as f64,
            min_ms: ms(min),
            p50_ms: ms(quantile(50)),
            p95_ms: ms(quantile(95)),
            max_ms: ms(max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn quantiles_are_durations_that_occurred() {
        let spread = Spread::of((1..=100).rev().map(|ms| ms * 1_000_000));
        let expected = Spread { count: 100, mean_ms: 50.5, min_ms: 1.0, p50_ms: 50.0, p95_ms: 95.0, max_ms: 100.0 };
        assert_eq!(spread, expected);
        assert_eq!(Spread::of([7_000_000].into_iter()).p95_ms, 7.0);
        assert_eq!(Spread::of(std::iter::empty()).count, 0);
    }
}
