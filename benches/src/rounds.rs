//! Rounds of samples and their reduction. The subjects alternate (A B C, A B C, …), so that none
//! gets all quiet periods of the machine.

use crate::Result;
use crate::child::Order;
use crate::measure::Sample;
use crate::scenario::Scenario;
use serde::Serialize;
use std::io::{self, Write};

/// All samples of one subject in one scenario with one number of spans.
#[derive(Debug, Clone, Serialize)]
pub struct Series {
    /// Short name of the subject.
    pub subject: String,
    /// Scenario of the samples.
    pub scenario: Scenario,
    /// Number of counted spans per sample and thread.
    pub spans: u64,
    /// Samples, one per round.
    pub samples: Vec<Sample>,
}

impl Series {
    /// Returns the minimum CPU time of the recording thread per span, in nanoseconds. The minimum
    /// is used because noise only adds time.
    pub fn ns_per_span(&self) -> f64 {
        self.min(|sample| sample.ns_per_span)
    }

    /// Returns the median CPU time of the recording thread per span, in nanoseconds.
    pub fn median_ns_per_span(&self) -> f64 {
        let mut all: Vec<f64> = self.samples.iter().map(|sample| sample.ns_per_span).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// Returns the minimum of `figure` over the samples.
    pub fn min(&self, figure: impl Fn(&Sample) -> f64) -> f64 {
        self.samples.iter().map(figure).fold(f64::INFINITY, f64::min)
    }

    /// Returns the lowest share of spans that the tool kept, from 0 to 1; `None` if it cannot prove
    /// it.
    pub fn kept(&self) -> Option<f64> {
        let share = |sample: &Sample| sample.kept.map(|kept| kept as f64 / sample.made as f64);
        self.samples.iter().map(share).try_fold(1.0, |worst, share| share.map(|share| f64::min(worst, share)))
    }
}

/// Runs all orders once per round.
///
/// # Errors
/// Returns an error if a child fails.
pub fn run(orders: &[Order], rounds: u32) -> Result<Vec<Series>> {
    let empty = |order: &Order| Series {
        subject: order.subject.clone(),
        scenario: order.scenario,
        spans: order.spans,
        samples: Vec::new(),
    };
    let mut all: Vec<Series> = orders.iter().map(empty).collect();
    for round in 1..=rounds {
        write!(io::stderr(), "round {round} of {rounds}: {} children", orders.len())?;
        for (order, series) in orders.iter().zip(&mut all) {
            series.samples.push(order.run()?);
            write!(io::stderr(), ".")?;
        }
        writeln!(io::stderr())?;
    }
    Ok(all)
}

/// Returns the series of `subject` in `scenario`.
pub fn find<'a>(all: &'a [Series], subject: &str, scenario: Scenario) -> Option<&'a Series> {
    all.iter().find(|series| series.subject == subject && series.scenario == scenario)
}
