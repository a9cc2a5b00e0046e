//! Plans which iterations are recorded: `delay`, `wait`, `warmup`, `active` and `max` as one
//! sequence of phases.
//!
//! Pure: the session reports that an iteration of the driving loop has ended, and the schedule
//! returns the next phase. Every phase begins and ends *between* two iterations, because deciding
//! in the middle of one leads to off-by-one errors. The tests compare every small schedule with a
//! brute-force oracle.

mod driver;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::config::ProfilerConfig;

pub(crate) use driver::{Driver, Verdict};

/// The treatment of the current iterations by a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// Ignores them, after the start: `delay_iterations` or `delay_secs`.
    Delay,
    /// Ignores them, before the warm-up: `wait_iterations`.
    Wait,
    /// Records and discards them: `warmup_iterations`.
    Warmup,
    /// Records them.
    Active,
    /// Ignores them, because all configured iterations are recorded.
    Done,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Delay => "delay",
            Self::Wait => "wait",
            Self::Warmup => "warmup",
            Self::Active => "active",
            Self::Done => "done",
        })
    }
}

/// The plan of a session and the progress through it.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    /// Phases in order, with their numbers of iterations.
    plan: [(Phase, u64); 4],
    /// Index of the current phase; past the end once all are done.
    current: usize,
    /// Number of iterations that have ended in the current phase.
    ended: u64,
}

/// Number of iterations of an unlimited phase.
const ENDLESS: u64 = u64::MAX;

impl Schedule {
    /// Creates the plan of a configuration.
    pub(crate) fn new(config: &ProfilerConfig) -> Self {
        let cycle = config.wait_iterations + config.warmup_iterations > 0;
        let max = if config.max_iterations > 0 { config.max_iterations } else { ENDLESS };
        let active = if cycle { config.active_iterations.min(max) } else { max };
        let plan = [
            (Phase::Delay, config.delay_iterations),
            (Phase::Wait, config.wait_iterations),
            (Phase::Warmup, config.warmup_iterations),
            (Phase::Active, active),
        ];
        let mut schedule = Self { plan, current: 0, ended: 0 };
        schedule.skip_empty();
        schedule
    }

    /// Returns the phase of the current iteration.
    pub(crate) fn phase(&self) -> Phase {
        self.plan.get(self.current).map_or(Phase::Done, |(phase, _)| *phase)
    }

    /// Returns the number of recorded iterations.
    pub(crate) fn recorded(&self) -> u64 {
        match self.phase() {
            Phase::Active => self.ended,
            Phase::Done => self.plan[self.plan.len() - 1].1,
            _ => 0,
        }
    }

    /// Counts an iteration that has ended; returns the next phase if the next iteration begins one.
    pub(crate) fn step_end(&mut self) -> Option<Phase> {
        let (_, length) = self.plan.get(self.current)?;
        self.ended += 1;
        if self.ended < *length {
            return None;
        }
        self.current += 1;
        self.skip_empty();
        Some(self.phase())
    }

    /// Restarts the current phase, because its iterations did not belong to the driving loop.
    pub(crate) fn restart_phase(&mut self) {
        self.ended = 0;
    }

    fn skip_empty(&mut self) {
        self.ended = 0;
        let rest = self.plan.iter().skip(self.current);
        self.current += rest.take_while(|(_, length)| *length == 0).count();
    }
}
