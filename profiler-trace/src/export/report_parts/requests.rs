//! Statistics of all requests, in a form that can be merged across the ranks of a job, for the
//! timing report and `job.json`.

use serde::{Deserialize, Serialize};

use crate::model::{Bins, Durations, RELATIVE_ACCURACY, Requests};

use super::spread::Spread;

/// Counts, sums and quantiles of all requests of a session or of a job. Serialised, it is the
/// object `requests` of the timing report without the individual requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestTimes {
    #[serde(flatten)]
    spread: Spread,
    /// Number of futures dropped before completion.
    cancelled: u64,
    /// Number of requests that began before the recording; timed from its start.
    clipped: u64,
    /// Number of requests still open at the end of the recording; timed up to its end.
    unfinished: u64,
    sketch: Sketch,
}

/// A mergeable DDSketch, from which quantiles are computed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "SketchForm", try_from = "SketchForm")]
struct Sketch(Bins);

/// Serialised form of a sketch.
#[derive(Serialize, Deserialize)]
struct SketchForm {
    kind: String,
    /// Maximum relative error of a quantile.
    relative_accuracy: f64,
    /// The bin `key` holds durations from `gamma ^ key` to `gamma ^ (key + 1)` nanoseconds.
    gamma: f64,
    /// Number of durations of 0 ns.
    zeros: u64,
    /// Pairs `[key, count]`, sorted by key.
    bins: Vec<(i32, u64)>,
}

/// The only kind of sketch.
const KIND: &str = "ddsketch";

impl RequestTimes {
    pub(in crate::export) fn new(requests: &Requests) -> Self {
        let Requests { durations, cancelled, clipped, unfinished, .. } = requests;
        Self {
            spread: Spread::from_sketch(durations),
            cancelled: *cancelled,
            clipped: *clipped,
            unfinished: *unfinished,
            sketch: Sketch(durations.bins()),
        }
    }

    /// Returns the number of requests.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.spread.count
    }

    /// Merges the statistics of several ranks; `None` if there was no request.
    #[doc(hidden)]
    pub fn merged<'a>(all: impl Iterator<Item = &'a Self>) -> Option<Self> {
        let (mut durations, mut merged) = (Durations::default(), Self::default());
        for each in all {
            let Spread { sum_ns, min_ns, max_ns, .. } = each.spread;
            durations.merge(&Durations::from_bins(&each.sketch.0, sum_ns, (min_ns, max_ns)));
            merged.cancelled = merged.cancelled.saturating_add(each.cancelled);
            merged.clipped = merged.clipped.saturating_add(each.clipped);
            merged.unfinished = merged.unfinished.saturating_add(each.unfinished);
        }
        let (spread, sketch) = (Spread::from_sketch(&durations), Sketch(durations.bins()));
        (spread.count > 0).then_some(Self { spread, sketch, ..merged })
    }
}

impl From<Sketch> for SketchForm {
    fn from(Sketch(Bins { zeros, counts }): Sketch) -> Self {
        let (relative_accuracy, gamma) = (RELATIVE_ACCURACY, Durations::gamma());
        Self { kind: KIND.to_owned(), relative_accuracy, gamma, zeros, bins: counts }
    }
}

impl TryFrom<SketchForm> for Sketch {
    type Error = String;

    fn try_from(form: SketchForm) -> Result<Self, String> {
        if form.kind != KIND || (form.gamma - Durations::gamma()).abs() > 1e-12 {
            return Err(format!("a sketch of another kind: `{}` with gamma {}", form.kind, form.gamma));
        }
        Ok(Self(Bins { zeros: form.zeros, counts: form.bins }))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(durations: impl Iterator<Item = u64>) -> RequestTimes {
        let mut requests = Requests { cancelled: 1, ..Requests::default() };
        durations.for_each(|ns| requests.durations.add(ns));
        RequestTimes::new(&requests)
    }

    /// A4: the quantiles of a job are those of all ranks' requests, not the mean of the ranks'
    /// quantiles.
    #[test]
    fn ranks_add_up_to_the_requests_of_the_job() {
        let (fast, slow) = (of((1..=900).map(|at| at * 1000)), of((1..=100).map(|at| at * 1_000_000)));
        let told: RequestTimes = serde_json::from_str(&serde_json::to_string(&slow).unwrap()).unwrap();
        assert_eq!(told, slow);
        let merged = RequestTimes::merged([&fast, &told].into_iter()).unwrap();
        let whole = of((1..=900).map(|at| at * 1000).chain((1..=100).map(|at| at * 1_000_000)));
        assert_eq!(merged, RequestTimes { cancelled: 2, ..whole });
        assert_eq!(RequestTimes::merged([&RequestTimes::default()].into_iter()), None);
    }

    #[test]
    fn a_sketch_of_another_accuracy_is_refused() {
        let text = serde_json::to_string(&of([5].into_iter())).unwrap();
        let other = text.replace("\"gamma\":1.02", "\"gamma\":1.03");
        assert!(text != other && serde_json::from_str::<RequestTimes>(&other).is_err());
    }
}
