//! Any number of durations in bounded memory: count, sum and extremes exactly, every quantile
//! within 1 %.
//!
//! A DDSketch counts durations in bins that grow by a constant factor, so that two sketches add up
//! to the one of both: the ranks of a job are merged by that.

use std::fmt;

use serde::Deserialize;
use sketches_ddsketch::{Config, DDSketch};

/// Bound of a quantile's error, as a share of itself.
pub(crate) const RELATIVE_ACCURACY: f64 = 0.01;
/// Most bins: enough for durations from a nanosecond to 19 years; below those, bins are merged.
const MOST_BINS: u32 = 2048;
/// Shortest duration in a bin: shorter ones, which is 0 ns alone, are counted apart.
const SHORTEST_NS: f64 = 0.5;

/// Durations in nanoseconds.
#[derive(Clone)]
pub(crate) struct Durations {
    /// Number of durations.
    pub(crate) count: u64,
    /// Sum of all durations.
    pub(crate) sum_ns: u64,
    /// Shortest duration; 0 if there is none.
    pub(crate) min_ns: u64,
    /// Longest duration; 0 if there is none.
    pub(crate) max_ns: u64,
    sketch: DDSketch,
}

/// Counts of a sketch, for other programs: see [`Durations::bins`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bins {
    /// Number of durations of 0 ns.
    pub(crate) zeros: u64,
    /// Keys and counts, by key; a bin's durations lie between `gamma ^ key` and `gamma ^ (key + 1)`
    /// nanoseconds.
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
        // Every sketch here has one configuration, and only a difference of configurations makes a
        // merge fail.
        let _ = self.sketch.merge(&other.sketch);
    }

    /// Returns the duration that the share `q` of all do not exceed; 0 if there is none.
    pub(crate) fn quantile(&self, q: f64) -> u64 {
        let found = self.sketch.quantile(q).ok().flatten().unwrap_or(0.0);
        // CAST: a float saturates, and the extremes are known exactly.
        (found.round() as u64).clamp(self.min_ns, self.max_ns)
    }

    /// Returns the factor by which the bins grow.
    pub(crate) fn gamma() -> f64 {
        config().gamma
    }

    /// Returns the counts of the sketch, as [`of_bins`](Self::of_bins) takes them.
    pub(crate) fn bins(&self) -> Bins {
        /// The part of the sketch's own serialised form that is read here; the library keeps that
        /// form readable.
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

    /// Creates the durations whose bins and exact figures another program or rank has written.
    pub(crate) fn of_bins(bins: &Bins, sum_ns: u64, (min_ns, max_ns): (u64, u64)) -> Self {
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
    Config::new(RELATIVE_ACCURACY, MOST_BINS, SHORTEST_NS)
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
            // CAST: the rank that the sketch means.
            let exact = all[(q * 199_999.0) as usize] as f64;
            let off = (found.quantile(q) as f64 - exact).abs() / exact;
            assert!(off <= RELATIVE_ACCURACY + 1e-9, "{q}: {} for {exact}", found.quantile(q));
        }
        assert_eq!(Durations::default().quantile(0.5), 0);
    }

    /// A4: what the ranks of a job are merged by.
    #[test]
    fn bins_bring_a_sketch_to_another_process() {
        let (one, other) = (of(&sample(5_000)), of(&[1, 7, 0, 3_000_000_000_000]));
        let copy = Durations::of_bins(&other.bins(), other.sum_ns, (other.min_ns, other.max_ns));
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
