//! A histogram of the durations of a stage's calls, with one bin per value of the eight leading
//! bits.
//!
//! [`Durations`](super::durations::Durations) is not used here: its logarithm takes 50 to 75 ns, a
//! third of an export's time per range, and stages may be called millions of times. This histogram
//! takes 2 ns and is as exact. Only requests need the other, whose sketch other programs can read,
//! because only requests are merged across ranks.

use super::values::slot;

/// Leading bits of a duration that select its bin: quantiles are exact to 0.4 %.
const BITS: u32 = 8;
/// Number of bins for durations of the same bit length.
const HALF: u64 = 1 << (BITS - 1);

/// Counts of calls by duration.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallTimes {
    count: u64,
    bins: Vec<u64>,
}

impl CallTimes {
    /// Adds the duration of a call.
    pub(crate) fn add(&mut self, ns: u64) {
        let shift = u64::from((u64::BITS - BITS).saturating_sub(ns.leading_zeros()));
        // CAST: below 2^13.
        let bin = (shift * HALF + (ns >> shift)) as usize;
        *slot(&mut self.bins, bin) += 1;
        self.count += 1;
    }

    /// Returns the duration that `per_mille` of the calls do not exceed, as the middle of its bin;
    /// 0 without calls.
    pub(crate) fn quantile(&self, per_mille: u64) -> u64 {
        let rank = (u128::from(self.count) * u128::from(per_mille)).div_ceil(1000).max(1);
        let mut passed = 0;
        let found = self.bins.iter().position(|count| {
            passed += u128::from(*count);
            passed >= rank
        });
        found.map_or(0, |bin| {
            let bin = bin as u64;
            let shift = (bin / HALF).saturating_sub(1);
            ((bin - shift * HALF) << shift) + ((1 << shift) >> 1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_calls_are_within_half_a_percent() {
        let mut all: Vec<u64> = (0..100_000).map(|at| at * at % 60_000_000_007).collect();
        let mut times = CallTimes::default();
        all.iter().for_each(|ns| times.add(*ns));
        all.sort_unstable();
        for per_mille in [1, 10, 500, 900, 990, 999, 1000] {
            let exact = all[per_mille as usize * 100 - 1] as f64;
            let found = times.quantile(per_mille) as f64;
            assert!((found - exact).abs() <= exact * 0.004, "{per_mille}: {found} for {exact}");
        }
    }

    #[test]
    fn the_shortest_and_the_longest_durations_have_bins() {
        for ns in [0, 1, 255, 256, 257, u64::MAX] {
            let mut times = CallTimes::default();
            times.add(ns);
            assert!(times.quantile(500).abs_diff(ns) <= ns / 256, "{ns}");
        }
        assert_eq!(CallTimes::default().quantile(500), 0);
    }
}
