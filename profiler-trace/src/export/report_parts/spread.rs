//! Spread of durations: count, sum, extremes and quantiles, the same in all reports.

use serde::{Deserialize, Serialize};

use crate::model::{Durations, StageNode};

/// A spread in nanoseconds; all zeros without durations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(in crate::export) count: u64,
    pub(in crate::export) sum_ns: u64,
    pub(in crate::export) min_ns: u64,
    pub(in crate::export) max_ns: u64,
    pub(in crate::export) p50_ns: u64,
    pub(in crate::export) p90_ns: u64,
    pub(in crate::export) p99_ns: u64,
    pub(in crate::export) p999_ns: u64,
}

impl Spread {
    /// Computes the exact spread of a list.
    pub(in crate::export) fn exact(durations: impl Iterator<Item = u64>) -> Self {
        let mut sorted: Vec<u64> = durations.collect();
        sorted.sort_unstable();
        let (Some(&min_ns), Some(&max_ns)) = (sorted.first(), sorted.last()) else { return Self::default() };
        // The smallest duration that at least this share of all durations does not exceed; it
        // occurred.
        let quantile = |per_mille: usize| sorted[(sorted.len() * per_mille).div_ceil(1000).max(1) - 1];
        Self {
            count: sorted.len() as u64,
            sum_ns: sorted.iter().sum(),
            min_ns,
            max_ns,
            p50_ns: quantile(500),
            p90_ns: quantile(900),
            p99_ns: quantile(990),
            p999_ns: quantile(999),
        }
    }

    /// Computes the spread of a sketch; quantiles are within 1 %.
    pub(in crate::export) fn from_sketch(durations: &Durations) -> Self {
        let Durations { count, sum_ns, min_ns, max_ns, .. } = *durations;
        let [p50_ns, p90_ns, p99_ns, p999_ns] = [0.5, 0.9, 0.99, 0.999].map(|q| durations.quantile(q));
        Self { count, sum_ns, min_ns, max_ns, p50_ns, p90_ns, p99_ns, p999_ns }
    }

    /// Computes the spread of a stage's calls: exactly if all calls were kept, otherwise with
    /// quantiles within 1 %.
    pub(in crate::export) fn from_stage(node: &StageNode) -> Self {
        let kept = node.occurrences.iter().map(|(_, duration)| *duration);
        let Some(further) = &node.further else { return Self::exact(kept) };
        let mut all = (**further).clone();
        kept.for_each(|duration| all.add(duration));
        // The extremes are exact.
        let (count, min_ns, max_ns) = (node.calls, node.shortest_ns(), node.max_ns);
        let [p50_ns, p90_ns, p99_ns, p999_ns] =
            [500, 900, 990, 999].map(|per_mille| all.quantile(per_mille).clamp(min_ns, max_ns));
        Self { count, sum_ns: node.sum_ns, min_ns, max_ns, p50_ns, p90_ns, p99_ns, p999_ns }
    }

    /// Returns the mean in nanoseconds; 0 without durations.
    pub(in crate::export) fn mean_ns(&self) -> u64 {
        self.sum_ns.checked_div(self.count).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_durations_that_occurred() {
        let spread = Spread::exact((1..=1000).rev());
        let expected = Spread {
            count: 1000,
            sum_ns: 500_500,
            min_ns: 1,
            max_ns: 1000,
            p50_ns: 500,
            p90_ns: 900,
            p99_ns: 990,
            p999_ns: 999,
        };
        assert_eq!((spread, spread.mean_ns()), (expected, 500));
        assert_eq!(Spread::exact([7].into_iter()).p999_ns, 7);
        assert_eq!(Spread::exact(std::iter::empty()), Spread::default());
    }
}
