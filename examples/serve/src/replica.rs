//! A replica: one worker, or a pair that splits guidance, which executes one task at a time.
//!
//! A pair that has lost one rank continues with the other, without splitting.

use std::time::{Duration, Instant};

use super::fleet::{GenerateError, Generated, Generation, Outcome};
use super::process::Worker;
use super::wire::{Answer, Order, Part};

/// A replica of one or two workers.
pub(super) struct Replica {
    workers: Vec<Worker>,
    time_limit: Duration,
}

/// Reason why a rank did not finish its part, ordered by how much it explains.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum RankError {
    /// The other rank did not finish its part.
    ThroughOtherRank(String),
    Failed(String),
    Lost(String),
}

impl Replica {
    /// Creates a replica; `time_limit` is the timeout of one task.
    pub(super) fn new(first: Worker, second: Option<Worker>, time_limit: Duration) -> Self {
        Self { workers: std::iter::once(first).chain(second).collect(), time_limit }
    }

    pub(super) fn is_usable(&self) -> bool {
        self.workers.iter().any(Worker::is_ready)
    }

    /// Executes a task under a new order `number`.
    pub(super) fn make(&mut self, generation: &Generation, number: u64) -> Outcome {
        let mut ready: Vec<&mut Worker> = self.workers.iter_mut().filter(|worker| worker.is_ready()).collect();
        let parts = match ready.len() {
            2 if generation.request.is_guided() => &[Some(Part::Positive), Some(Part::Negative)][..],
            _ => &[None],
        };
        ready.truncate(parts.len());
        for (worker, part) in ready.iter_mut().zip(parts) {
            worker.order(&order(generation, number, *part), generation.picture.pixels());
        }
        let deadline = Instant::now() + self.time_limit;
        // The first worker has the product. The other one's answer is awaited, too, because an
        // order is done only when no worker is busy with it.
        let outcomes: Vec<_> = ready.into_iter().map(|worker| outcome(worker, number, deadline)).collect();
        combine(outcomes)
    }
}

fn order(generation: &Generation, number: u64, part: Option<Part>) -> Order {
    Order {
        number,
        request_id: generation.id.clone(),
        request: generation.request.clone(),
        picture_width: generation.picture.width(),
        picture_height: generation.picture.height(),
        part,
        product: generation.product,
    }
}

fn outcome(worker: &mut Worker, number: u64, deadline: Instant) -> Result<Generated, RankError> {
    match worker.answer(number, deadline).map_err(RankError::Lost)? {
        (Answer::Done { seconds, stage_durations, .. }, file) => Ok(Generated { file, seconds, stage_durations }),
        (Answer::Failed { why, through_other_rank: true, .. }, _) => Err(RankError::ThroughOtherRank(why)),
        (Answer::Failed { why, .. }, _) => Err(RankError::Failed(why)),
        (Answer::Ready | Answer::Unusable { .. }, _) => {
            Err(RankError::Failed("the worker sent an unexpected answer".to_owned()))
        }
    }
}

/// Returns the first worker's product, or the error that explains why there is none.
fn combine(outcomes: Vec<Result<Generated, RankError>>) -> Outcome {
    let mut outcomes = outcomes.into_iter();
    let first = match outcomes.next() {
        Some(Ok(generated)) => return Ok(generated),
        Some(Err(error)) => error,
        None => return Err(GenerateError::NoWorker("none is ready".to_owned())),
    };
    match outcomes.filter_map(Result::err).fold(first, RankError::max) {
        RankError::Lost(why) | RankError::ThroughOtherRank(why) => Err(GenerateError::Lost(why)),
        RankError::Failed(why) => Err(GenerateError::Failed(why)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn generated() -> Result<Generated, RankError> {
        Ok(Generated { file: vec![1], seconds: 1.0, stage_durations: BTreeMap::new() })
    }

    fn through() -> Result<Generated, RankError> {
        Err(RankError::ThroughOtherRank("the other rank gave up".to_owned()))
    }

    #[test]
    fn the_reported_error_is_the_cause_of_the_other() {
        let lost = || Err(RankError::Lost("signal 9".to_owned()));
        let failed = || Err(RankError::Failed("out of memory".to_owned()));
        assert_eq!(combine(vec![through(), lost()]).err(), Some(GenerateError::Lost("signal 9".to_owned())));
        assert_eq!(combine(vec![lost(), through()]).err(), Some(GenerateError::Lost("signal 9".to_owned())));
        assert_eq!(combine(vec![through(), failed()]).err(), Some(GenerateError::Failed("out of memory".to_owned())));
    }

    #[test]
    fn a_product_is_returned_even_if_the_second_worker_failed() {
        assert!(combine(vec![generated(), through()]).is_ok_and(|generated| generated.file == [1]));
    }
}
