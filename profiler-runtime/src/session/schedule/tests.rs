//! Tests every small schedule against an oracle that knows no phases: for one iteration, it says
//! whether the documentation's definition records it.

use super::*;

/// Returns which of the iterations `0..steps` are recorded, by the definition of the five numbers.
fn oracle(delay: u64, wait: u64, warmup: u64, active: u64, max: u64, steps: u64) -> Vec<u64> {
    let mut kept = Vec::new();
    for iteration in 0..steps {
        if iteration < delay {
            continue;
        }
        let since_delay = iteration - delay;
        if wait + warmup > 0 && (since_delay < wait + warmup || since_delay >= wait + warmup + active) {
            continue;
        }
        if max > 0 && kept.len() as u64 == max {
            continue;
        }
        kept.push(iteration);
    }
    kept
}

fn config(delay: u64, wait: u64, warmup: u64, active: u64, max: u64) -> ProfilerConfig {
    ProfilerConfig::torch("perf")
        .delay_iterations(delay)
        .wait_iterations(wait)
        .warmup_iterations(warmup)
        .active_iterations(active)
        .max_iterations(max)
}

/// Runs the schedule: an iteration is recorded if its phase is active when it begins.
fn recorded(schedule: &mut Schedule, steps: u64) -> Vec<u64> {
    let mut kept = Vec::new();
    for iteration in 0..steps {
        let before = schedule.phase();
        if before == Phase::Active {
            kept.push(iteration);
        }
        let next = schedule.step_end();
        assert_eq!(next.unwrap_or(before), schedule.phase(), "a transition says where it leads");
        assert_ne!(next, Some(before), "a transition leads elsewhere");
    }
    kept
}

#[test]
fn every_small_schedule_records_what_its_definition_says() {
    let mut compared = 0;
    for delay in 0..=4 {
        for wait in 0..=4 {
            for warmup in 0..=4 {
                for active in 1..=4 {
                    for max in 0..=4 {
                        for steps in 0..=12 {
                            let mut schedule = Schedule::new(&config(delay, wait, warmup, active, max));
                            let expected = oracle(delay, wait, warmup, active, max, steps);
                            let case = format!(
                                "delay {delay}, wait {wait}, warmup {warmup}, active {active}, max {max}, {steps} steps"
                            );
                            assert_eq!(recorded(&mut schedule, steps), expected, "{case}");
                            assert_eq!(schedule.recorded(), expected.len() as u64, "{case}");
                            compared += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(compared, 5 * 5 * 5 * 4 * 5 * 13);
}

#[test]
fn a_limited_schedule_is_done_after_its_last_iteration() {
    for (delay, wait, warmup, active, max, last) in
        [(0, 0, 0, 1, 3, 2), (2, 0, 0, 1, 3, 4), (1, 1, 1, 2, 0, 4), (1, 1, 1, 4, 2, 4)]
    {
        let mut schedule = Schedule::new(&config(delay, wait, warmup, active, max));
        for _ in 0..last {
            schedule.step_end();
            assert_ne!(schedule.phase(), Phase::Done);
        }
        assert_eq!(schedule.step_end(), Some(Phase::Done));
        assert_eq!(schedule.step_end(), None, "done is the end");
    }
}

#[test]
fn a_schedule_without_limits_goes_on_until_stop() {
    let mut schedule = Schedule::new(&config(0, 0, 0, 4, 0));
    assert!((0..10_000).all(|_| schedule.step_end().is_none()));
    assert_eq!((schedule.phase(), schedule.recorded()), (Phase::Active, 10_000));
}

#[test]
fn a_restarted_phase_takes_all_its_iterations() {
    let mut schedule = Schedule::new(&config(2, 0, 0, 1, 2));
    schedule.step_end();
    schedule.restart_phase();
    assert_eq!(schedule.step_end(), None);
    assert_eq!(schedule.step_end(), Some(Phase::Active));
}
