//! Statistics of any number of durations in bounded memory: exact count, sum and extremes, and
//! quantiles within 1 %.
//!
//! The quantiles come from a DDSketch, whose bins grow by a constant factor. The sum of two
//! sketches is the sketch of all their durations, so the ranks of a job can be merged.

use std::fmt;

use serde::Deserialize;
use sketches_ddsketch::{Config, DDSketch};

/// Maximum relative error of a quantile.
pub(crate) const RELATIVE_ACCURACY: f64 = 0.01;
/// Maximum number of bins, enough for durations from a nanosecond to 19 years; beyond that, the
/// lowest bins are merged.
const MAX_BINS: u32 = 2048;
/// Shortest duration that has a bin; shorter ones, which can only be 0 ns, are counted separately.
const SHORTEST_NS: f64 = 0.5;

/// Durations in nanoseconds.
#[derive(Clone)]
pub(crate) struct Durations {
    /// Number of durations.
    pub(crate) count: u64,
    /// Sum of all durations.
    pub(crate) sum_ns: u64,
    /// Shortest duration; 0 without durations.
    pub(crate) min_ns: u64,
    /// Longest duration; 0 without durations.
    pub(crate) max_ns: u64,
    sketch: DDSketch,
}

/// Bin counts of a sketch in an exchangeable form; see [`Durations::bins`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bins {
    /// Number of durations of 0 ns.
    pub(crate) zeros: u64,
    /// Key and count of each bin, sorted by key. A bin holds durations between `gamma ^ key` and
    /// `gamma ^ (key + 1)` nanoseconds.
    pub(crate) counts: Vec<(i32, u64)>,
}

impl Durations {
    /// Adds a duration.
    pub(crate) fn add(&mut self, ns: u64) {
        self.min_ns = if self.count == 0 { ns } else { self.min_ns.min(ns) };
        self.max_ns = self.max_ns.max(ns);
        self.count += 1;
        self.sum_ns = self.sum_ns.saturating_add(ns);
        self.sketch.add(ns as f64);
    }

    /// Adds all durations of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.min_ns = if self.count == 0 { other.min_ns } else { self.min_ns.min(other.min_ns) };
        self.max_ns = self.max_ns.max(other.max_ns);
        self.count = self.count.saturating_add(other.count);
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
        // A merge fails only if the configurations differ, and all sketches here have the same.
        let _ = self.sketch.merge(&other.sketch);
    }

    /// Returns the duration that the fraction `q` of all durations does not exceed; 0 without
    /// durations.
    pub(crate) fn quantile(&self, q: f64) -> u64 {
        let found = self.sketch.quantile(q).ok().flatten().unwrap_or(0.0);
        // CAST: floats saturate, and the exact extremes bound the result.
        (found.round() as u64).clamp(self.min_ns, self.max_ns)
    }

    /// Returns the factor by which the bins grow.
    pub(crate) fn gamma() -> f64 {
        config().gamma
    }

    /// Returns the counts of the sketch, from which [`from_bins`](Self::from_bins) restores it.
    pub(crate) fn bins(&self) -> Bins {
        /// The part read here of the sketch's serialised form, which the library keeps stable.
        #[derive(Deserialize)]
        struct Form {
            store: Store,
            zero_count: u64,
        }
        #[derive(Deserialize)]
        struct Store {
            bins: Vec<u64>,
            offset: i32,
        }
        let form = serde_json::to_value(&self.sketch).and_then(serde_json::from_value::<Form>);
        let Ok(Form { store, zero_count }) = form else { return Bins::default() };
        let counts = (store.offset..).zip(store.bins).filter(|(_, count)| *count > 0);
        Bins { zeros: zero_count, counts: counts.collect() }
    }

    /// Creates the statistics from bins and exact figures that another program or rank wrote.
    pub(crate) fn from_bins(bins: &Bins, sum_ns: u64, (min_ns, max_ns): (u64, u64)) -> Self {
        let (mut durations, config) = (Self::default(), config());
        durations.sketch.add_with_count(0.0, bins.zeros);
        durations.count = bins.zeros;
        for &(key, count) in &bins.counts {
            durations.sketch.add_with_count(config.value(key), count);
            durations.count = durations.count.saturating_add(count);
        }
        Self { sum_ns, min_ns, max_ns, ..durations }
    }
}

fn config() -> Config {
    Config::new(RELATIVE_ACCURACY, MAX_BINS, SHORTEST_NS)
}

impl Default for Durations {
    fn default() -> Self {
        Self { count: 0, sum_ns: 0, min_ns: 0, max_ns: 0, sketch: DDSketch::new(config()) }
    }
}

impl fmt::Debug for Durations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Durations").field("count", &self.count).field("sum_ns", &self.sum_ns).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns durations from 0 ns to a minute, most of them short.
    fn sample(count: u64) -> Vec<u64> {
        (0..count).map(|at| at * at % 60_000_000_007).collect()
    }

    fn of(durations: &[u64]) -> Durations {
        let mut all = Durations::default();
        durations.iter().for_each(|ns| all.add(*ns));
        all
    }

    /// A4: quantiles of all within 1 %, sums and extremes exact.
    #[test]
    fn quantiles_are_within_one_percent() {
        let mut all = sample(200_000);
        let found = of(&all);
        all.sort_unstable();
        assert_eq!((found.count, found.sum_ns), (200_000, all.iter().sum()));
        assert_eq!((found.min_ns, found.max_ns), (0, all[199_999]));
        for q in [0.01, 0.5, 0.9, 0.99, 0.999, 1.0] {
            // CAST: truncates to a rank, as the sketch does.
            let exact = all[(q * 199_999.0) as usize] as f64;
            let off = (found.quantile(q) as f64 - exact).abs() / exact;
            assert!(off <= RELATIVE_ACCURACY + 1e-9, "{q}: {} for {exact}", found.quantile(q));
        }
        assert_eq!(Durations::default().quantile(0.5), 0);
    }

    /// A4: the ranks of a job are merged by their bins.
    #[test]
    fn bins_bring_a_sketch_to_another_process() {
        let (one, other) = (of(&sample(5_000)), of(&[1, 7, 0, 3_000_000_000_000]));
        let copy = Durations::from_bins(&other.bins(), other.sum_ns, (other.min_ns, other.max_ns));
        assert_eq!(copy.bins(), other.bins());
        let mut merged = one.clone();
        merged.merge(&copy);
        let mut both = sample(5_000);
        both.extend([1, 7, 0, 3_000_000_000_000]);
        let both = of(&both);
        assert_eq!((merged.count, merged.sum_ns, merged.max_ns), (both.count, both.sum_ns, both.max_ns));
        assert_eq!([0.1, 0.5, 0.999].map(|q| merged.quantile(q)), [0.1, 0.5, 0.999].map(|q| both.quantile(q)));
    }
}
