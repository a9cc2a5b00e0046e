//! The iterations that are recorded: `delay`, `wait`, `warmup`, `active` and `max` as one plan of
//! phases.
//!
//! Pure: the session tells it that an iteration of the driving loop has ended, and it says which
//! phase comes next. The off-by-one mistakes of such schedules come from deciding in the middle of
//! an iteration; here every phase begins and ends *between* two iterations, and the tests compare
//! every small schedule with a brute-force oracle.

mod driver;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::config::ProfilerConfig;

pub(crate) use driver::{Driver, Verdict};

/// The use that a session makes of the iterations that run now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// Passes them, after the start: `delay_iterations` or `delay_secs`.
    Delay,
    /// Passes them, before the warm-up: `wait_iterations`.
    Wait,
    /// Records and discards them: `warmup_iterations`.
    Warmup,
    /// Records them.
    Active,
    /// Nothing more: every iteration that was asked for is recorded.
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

/// The plan of one session, and the progress through it.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    /// Phases in order, each with its number of iterations.
    plan: [(Phase, u64); 4],
    /// Place of the current phase in the plan; behind the last one, everything is done.
    current: usize,
    /// Number of iterations that have ended in the current phase.
    ended: u64,
}

/// Number of iterations that is never reached.
const ENDLESS: u64 = u64::MAX;

impl Schedule {
    /// Creates the plan that the configuration asks for.
    pub(crate) fn new(config: &ProfilerConfig) -> Self {
        let cycle = config.wait_iterations + config.warmup_iterations > 0;
        let most = if config.max_iterations > 0 { config.max_iterations } else { ENDLESS };
        let active = if cycle { config.active_iterations.min(most) } else { most };
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

    /// Returns the phase of the iterations that run now.
    pub(crate) fn phase(&self) -> Phase {
        self.plan.get(self.current).map_or(Phase::Done, |(phase, _)| *phase)
    }

    /// Returns how many iterations have been recorded.
    pub(crate) fn recorded(&self) -> u64 {
        match self.phase() {
            Phase::Active => self.ended,
            Phase::Done => self.plan[self.plan.len() - 1].1,
            _ => 0,
        }
    }

    /// Counts an iteration that has ended; returns the phase that begins with the next one, if it
    /// is another.
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

    /// Counts the current phase's iterations anew: those so far were not iterations of the driving
    /// loop.
    pub(crate) fn restart_phase(&mut self) {
        self.ended = 0;
    }

    fn skip_empty(&mut self) {
        self.ended = 0;
        let rest = self.plan.iter().skip(self.current);
        self.current += rest.take_while(|(_, length)| *length == 0).count();
    }
}
