//! Decides which loop of steps drives the schedule, and which of its steps count.
//!
//! A program may have a loop of requests and, in each, a loop of denoising steps. The loop that
//! `step_of` names drives the schedule; otherwise the outermost one does. An inner step ends before
//! the step around it, so the outer loop is usually known before its first iteration has ended. If
//! the session began in the middle of an outer step, an inner loop may be taken first; the outer
//! loop then takes over, and counting restarts. Bare `next_step()` calls drive only until a site
//! does. Pure.

use std::collections::HashSet;

use profiler_core::hooks::steps::StepEnd;

/// The effect of a step's end on the schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// True if the iterations counted so far belong to a loop that does not drive after all.
    pub(crate) restarts: bool,
    /// True if an iteration of the driving loop has ended.
    pub(crate) counts: bool,
}

/// The loop that drives a session.
#[derive(Clone, Debug)]
pub(crate) struct Driver {
    named: Option<String>,
    current: Current,
    /// Sites that ran inside another step, which are never the outermost loop.
    inner: HashSet<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Current {
    Unknown,
    /// Bare `next_step()` calls.
    Calls,
    /// The loop of this site.
    Site(u32),
}

const IGNORED: Verdict = Verdict { restarts: false, counts: false };
const COUNTED: Verdict = Verdict { restarts: false, counts: true };

impl Driver {
    /// Creates the driver; `named` is the configuration's `step_of`.
    pub(crate) fn new(named: Option<String>) -> Self {
        Self { named, current: Current::Unknown, inner: HashSet::new() }
    }

    /// Returns the number of the driving loop's site, once it is known.
    pub(crate) fn site(&self) -> Option<u32> {
        match self.current {
            Current::Site(site) => Some(site),
            Current::Unknown | Current::Calls => None,
        }
    }

    /// Judges a bare `next_step()` call.
    pub(crate) fn call(&mut self) -> Verdict {
        match self.current {
            _ if self.named.is_some() => IGNORED,
            Current::Site(_) => IGNORED,
            Current::Unknown | Current::Calls => {
                self.current = Current::Calls;
                COUNTED
            }
        }
    }

    /// Judges the end of a step; `name` is that of its site.
    pub(crate) fn end(&mut self, end: StepEnd, name: &str) -> Verdict {
        if end.inside == Some(end.site) {
            // A step inside another step of the same loop is no iteration.
            return IGNORED;
        }
        match &self.named {
            Some(named) if named != name => IGNORED,
            Some(_) => self.drive(end.site),
            None => match end.inside {
                Some(outer) => self.defer_to(outer, end.site),
                None if self.inner.contains(&end.site) => IGNORED,
                None => self.drive(end.site),
            },
        }
    }

    /// Judges an iteration of `site`, a loop that may drive.
    fn drive(&mut self, site: u32) -> Verdict {
        match self.current {
            Current::Site(driving) if driving != site => IGNORED,
            before => {
                self.current = Current::Site(site);
                Verdict { restarts: before == Current::Calls, counts: true }
            }
        }
    }

    /// Judges an iteration of `site` inside a step of `outer`, which drives in place of `site`.
    fn defer_to(&mut self, outer: u32, site: u32) -> Verdict {
        // If memory is short, the next iteration adds the site.
        if self.inner.try_reserve(1).is_ok() {
            self.inner.insert(site);
        }
        let another_drives = matches!(self.current, Current::Site(driving) if driving != site);
        if another_drives || self.inner.contains(&outer) {
            return IGNORED;
        }
        let restarts = self.current != Current::Unknown;
        self.current = Current::Site(outer);
        Verdict { restarts, counts: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: u32 = 1;
    const DENOISE: u32 = 2;
    const RESTART: Verdict = Verdict { restarts: true, counts: false };
    const RESTART_AND_COUNT: Verdict = Verdict { restarts: true, counts: true };

    fn end(driver: &mut Driver, site: u32, inside: Option<u32>) -> Verdict {
        driver.end(StepEnd { site, inside, began: 0 }, if site == REQUEST { "request" } else { "denoise_step" })
    }

    #[test]
    fn an_outer_loop_drives_from_its_first_iteration_on() {
        let mut driver = Driver::new(None);
        for _ in 0..2 {
            assert_eq!(end(&mut driver, DENOISE, Some(REQUEST)), IGNORED);
            assert_eq!(end(&mut driver, DENOISE, Some(REQUEST)), IGNORED);
            assert_eq!(end(&mut driver, REQUEST, None), COUNTED);
        }
        assert_eq!(driver.site(), Some(REQUEST));
    }

    #[test]
    fn an_inner_loop_taken_first_gives_way_and_counting_restarts() {
        let mut driver = Driver::new(None);
        assert_eq!(end(&mut driver, DENOISE, None), COUNTED);
        assert_eq!(end(&mut driver, DENOISE, Some(REQUEST)), RESTART);
        assert_eq!(end(&mut driver, DENOISE, None), IGNORED);
        assert_eq!(end(&mut driver, REQUEST, None), COUNTED);
    }

    #[test]
    fn the_named_loop_drives_wherever_it_runs() {
        let mut driver = Driver::new(Some("denoise_step".to_owned()));
        assert_eq!(driver.call(), IGNORED);
        assert_eq!(end(&mut driver, DENOISE, Some(REQUEST)), COUNTED);
        assert_eq!(end(&mut driver, REQUEST, None), IGNORED);
    }

    #[test]
    fn bare_calls_drive_until_a_site_does() {
        let mut driver = Driver::new(None);
        assert_eq!(driver.call(), COUNTED);
        assert_eq!(end(&mut driver, REQUEST, None), RESTART_AND_COUNT);
        assert_eq!(driver.call(), IGNORED);
    }

    #[test]
    fn a_second_loop_next_to_the_first_does_not_count() {
        let mut driver = Driver::new(None);
        assert_eq!(end(&mut driver, REQUEST, None), COUNTED);
        assert_eq!(end(&mut driver, DENOISE, None), IGNORED);
    }

    #[test]
    fn recursion_counts_the_outermost_step_only() {
        let mut driver = Driver::new(None);
        assert_eq!(end(&mut driver, REQUEST, Some(REQUEST)), IGNORED);
        assert_eq!(end(&mut driver, REQUEST, None), COUNTED);
    }

    #[test]
    fn loops_inside_each_other_never_take_turns() {
        let mut driver = Driver::new(None);
        assert_eq!(end(&mut driver, DENOISE, Some(REQUEST)), IGNORED);
        assert_eq!(end(&mut driver, REQUEST, Some(DENOISE)), IGNORED);
        assert_eq!(end(&mut driver, REQUEST, None), IGNORED);
    }
}
