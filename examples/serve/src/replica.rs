//! One worker, or a pair that splits guidance: makes one thing at a time.
//!
//! A pair that has lost one rank goes on with the other, unsplit.

use std::time::{Duration, Instant};

use super::fleet::{Made, Outcome, Unmade, Wish};
use super::process::Worker;
use super::wire::{Answer, Order, Part};

/// One or two workers.
pub(super) struct Replica {
    workers: Vec<Worker>,
    time_limit: Duration,
}

/// Why a rank did not make its part, the most telling last.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    /// The other rank did not make its part.
    ThroughOtherRank(String),
    Failed(String),
    Lost(String),
}

impl Replica {
    /// `time_limit` is how long one thing may take.
    pub(super) fn new(first: Worker, second: Option<Worker>, time_limit: Duration) -> Self {
        Self { workers: std::iter::once(first).chain(second).collect(), time_limit }
    }

    pub(super) fn is_usable(&self) -> bool {
        self.workers.iter().any(Worker::is_ready)
    }

    /// Makes it; `number` has not been used before.
    pub(super) fn make(&mut self, wish: &Wish, number: u64) -> Outcome {
        let mut ready: Vec<&mut Worker> = self.workers.iter_mut().filter(|worker| worker.is_ready()).collect();
        let parts = match ready.len() {
            2 if wish.request.is_guided() => &[Some(Part::Positive), Some(Part::Negative)][..],
            _ => &[None],
        };
        ready.truncate(parts.len());
        for (worker, part) in ready.iter_mut().zip(parts) {
            worker.order(&order(wish, number, *part), wish.picture.pixels());
        }
        let deadline = Instant::now() + self.time_limit;
        // The first has the product. The others are heard too: an order is over when nobody works
        // at it any more.
        let outcomes: Vec<_> = ready.into_iter().map(|worker| outcome(worker, number, deadline)).collect();
        sum_up(outcomes)
    }
}

fn order(wish: &Wish, number: u64, part: Option<Part>) -> Order {
    Order {
        number,
        request_id: wish.id.clone(),
        request: wish.request.clone(),
        picture_width: wish.picture.width(),
        picture_height: wish.picture.height(),
        part,
        product: wish.product,
    }
}

fn outcome(worker: &mut Worker, number: u64, deadline: Instant) -> Result<Made, Trouble> {
    match worker.answer(number, deadline).map_err(Trouble::Lost)? {
        (Answer::Done { seconds, stage_durations, .. }, file) => Ok(Made { file, seconds, stage_durations }),
        (Answer::Failed { why, through_other_rank: true, .. }, _) => Err(Trouble::ThroughOtherRank(why)),
        (Answer::Failed { why, .. }, _) => Err(Trouble::Failed(why)),
        (Answer::Ready | Answer::Unusable { .. }, _) => Err(Trouble::Failed("it said something else".to_owned())),
    }
}

/// What the first made, or the trouble that explains why it did not.
fn sum_up(outcomes: Vec<Result<Made, Trouble>>) -> Outcome {
    let mut outcomes = outcomes.into_iter();
    let first = match outcomes.next() {
        Some(Ok(made)) => return Ok(made),
        Some(Err(trouble)) => trouble,
        None => return Err(Unmade::NoWorker("none is ready".to_owned())),
    };
    match outcomes.filter_map(Result::err).fold(first, Trouble::max) {
        Trouble::Lost(why) | Trouble::ThroughOtherRank(why) => Err(Unmade::Lost(why)),
        Trouble::Failed(why) => Err(Unmade::Failed(why)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn made() -> Result<Made, Trouble> {
        Ok(Made { file: vec![1], seconds: 1.0, stage_durations: BTreeMap::new() })
    }

    fn through() -> Result<Made, Trouble> {
        Err(Trouble::ThroughOtherRank("the other rank gave up".to_owned()))
    }

    #[test]
    fn the_trouble_that_is_told_is_the_one_that_caused_the_other() {
        let lost = || Err(Trouble::Lost("signal 9".to_owned()));
        let failed = || Err(Trouble::Failed("out of memory".to_owned()));
        assert_eq!(sum_up(vec![through(), lost()]).err(), Some(Unmade::Lost("signal 9".to_owned())));
        assert_eq!(sum_up(vec![lost(), through()]).err(), Some(Unmade::Lost("signal 9".to_owned())));
        assert_eq!(sum_up(vec![through(), failed()]).err(), Some(Unmade::Failed("out of memory".to_owned())));
    }

    #[test]
    fn what_the_first_made_counts_whatever_became_of_the_second() {
        assert!(sum_up(vec![made(), through()]).is_ok_and(|made| made.file == [1]));
    }
}
