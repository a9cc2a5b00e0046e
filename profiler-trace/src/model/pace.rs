//! The length of a tick, and the detection of clocks that moved apart.
//!
//! Two anchors give a pace if they are far enough apart for the precision of their readings and the
//! host did not sleep between them: during sleep the monotonic clock stands still, and the counter
//! may not. Of several paces, the one nearest to the recording is used; the one measured after it
//! shows whether a clock jumped during the recording.

use std::time::Duration;

use super::context::Window;
use profiler_core::clock::Anchor;
use profiler_core::stream::registry::Log;

/// Minimum distance of two anchors of a pace, in multiples of the uncertainty of their readings.
const MIN_SPAN: u64 = 1_000;
/// Multiple of that uncertainty from which the pace needs no other anchors.
const PRECISE_SPAN: u64 = 20_000;
/// Minimum time that counts as sleep; less is the delay between two readings.
const MIN_SLEEP_NS: u64 = 1_000_000;
/// Minimum step of real time that is reported; slewing also changes clocks, by up to 0.1 %.
const MIN_STEP_NS: i128 = 10_000_000;
/// Number of parts of a recording that are searched for a gap.
const PARTS: usize = 4_096;

/// A pace: `ns` nanoseconds take `ticks` ticks. Neither is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    pub(crate) ns: u64,
    pub(crate) ticks: u64,
}

impl Pace {
    /// Returns the pace between two anchors, if the host did not sleep between them and their
    /// distance is at least `times` the uncertainty of their readings.
    fn between(from: &Anchor, to: &Anchor, times: u64) -> Option<Self> {
        let ns = to.monotonic_ns.checked_sub(from.monotonic_ns).filter(|ns| *ns > 0)?;
        let ticks = to.ticks.checked_sub(from.ticks).filter(|ticks| *ticks > 0)?;
        let min_ticks = from.uncertainty_ticks.saturating_add(to.uncertainty_ticks).saturating_mul(times);
        (slept(from, to) == 0 && ticks >= min_ticks).then_some(Self { ns, ticks })
    }

    /// Returns the pace between two anchors without any check.
    fn guess(from: &Anchor, to: &Anchor) -> Self {
        let ns = to.monotonic_ns.saturating_sub(from.monotonic_ns).max(1);
        Self { ns, ticks: to.ticks.saturating_sub(from.ticks).max(1) }
    }

    /// Returns the best pace at the last of three anchors, given in order of time.
    pub fn until(first: &Anchor, second: &Anchor, last: &Anchor) -> Self {
        Self::between(second, last, MIN_SPAN)
            .or_else(|| Self::between(first, last, MIN_SPAN))
            .unwrap_or_else(|| Self::guess(first, last))
    }

    /// Converts ticks to nanoseconds.
    pub fn ns_of(self, ticks: u64) -> u64 {
        let ns = u128::from(ticks) * u128::from(self.ns) / u128::from(self.ticks);
        u64::try_from(ns).unwrap_or(u64::MAX)
    }

    /// Converts a duration to ticks.
    pub fn ticks_of(self, time: Duration) -> u64 {
        let ticks = time.as_nanos().saturating_mul(u128::from(self.ticks)) / u128::from(self.ns);
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }

    /// Returns whether the paces differ by more than 1 %.
    fn differs(self, other: Self) -> bool {
        let (one, other) =
            (u128::from(self.ns) * u128::from(other.ticks), u128::from(other.ns) * u128::from(self.ticks));
        one.abs_diff(other) > one.min(other) / 100
    }
}

/// Returns the nanoseconds that the host slept between two anchors.
fn slept(from: &Anchor, to: &Anchor) -> u64 {
    let ns = to.asleep_ns.saturating_sub(from.asleep_ns);
    if ns > MIN_SLEEP_NS { ns } else { 0 }
}

/// A jump of one clock relative to the others.
#[derive(Clone, Debug)]
pub(crate) struct Jump {
    /// Clock that jumped: `suspend`, `counter` or `real time`.
    pub(crate) kind: &'static str,
    /// Length of the jump in nanoseconds.
    pub(crate) ns: i64,
    /// Ticks, or times, between which the jump happened.
    pub(crate) within: (u64, u64),
    /// Consequence for the reader, as a sentence.
    pub(crate) sentence: String,
}

fn saturated(ns: i128) -> i64 {
    i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX })
}

impl Window {
    /// Returns the pace of the recording.
    pub(crate) fn pace(&self) -> Pace {
        let near = Pace::between(&self.start, &self.end, MIN_SPAN);
        let far =
            Pace::between(&self.process, &self.end, MIN_SPAN).filter(|far| near.is_none_or(|near| !near.differs(*far)));
        let best = Pace::between(&self.start, &self.end, PRECISE_SPAN).or(far).or(near);
        match (best, self.reference()) {
            (Some(best), Some(reference)) if best.differs(reference) => reference,
            (Some(best), _) => best,
            (None, Some(reference)) => reference,
            (None, None) => Pace::guess(&self.process, &self.end),
        }
    }

    /// Returns the pace measured outside the recording: after it if possible, otherwise before it.
    fn reference(&self) -> Option<Pace> {
        let after = self.later.as_ref().and_then(|later| Pace::between(&self.end, later, MIN_SPAN));
        after.or_else(|| Pace::between(&self.process, &self.start, MIN_SPAN))
    }

    /// Returns the clock jumps during the recording that affect its reader.
    pub(crate) fn jumps(&self, log: &Log) -> Vec<Jump> {
        [self.jump(log), self.step()].into_iter().flatten().collect()
    }

    /// Creates a jump at an unknown time of the recording.
    fn jump_at_unknown_time(&self, kind: &'static str, ns: i128, sentence: String) -> Jump {
        let within = (self.start.ticks, self.end.ticks.max(self.start.ticks));
        Jump { kind, ns: saturated(ns), within, sentence }
    }

    /// Returns the jump of the monotonic clock and the counter against each other, if there was
    /// one.
    fn jump(&self, log: &Log) -> Option<Jump> {
        let passed = i128::from(self.end.monotonic_ns.saturating_sub(self.start.monotonic_ns));
        let Some(ticks) = self.end.ticks.checked_sub(self.start.ticks) else {
            let sentence = "the processor's counter was set back during the recording: durations across that moment are wrong, \
                            and so is the order of later events";
            let back = i128::from(self.pace().ns_of(self.start.ticks - self.end.ticks)) + passed;
            return Some(self.jump_at_unknown_time("counter", -back, sentence.to_owned()));
        };
        let pace = self.pace();
        let counted = i128::from(pace.ns_of(ticks));
        let extra = counted - passed;
        let asleep = slept(&self.start, &self.end);
        let jumped = Pace::between(&self.start, &self.end, MIN_SPAN).is_some_and(|near| near.differs(pace));
        if asleep == 0 && !jumped {
            return None;
        }
        let gap = u64::try_from(extra).ok().and_then(|extra| self.gap(log, pace.ticks_of(Duration::from_nanos(extra))));
        // CAST: for people.
        let seconds = |tick: u64| pace.ns_of(tick - self.start.ticks) as f64 / 1e9;
        let place = gap.map_or(String::new(), |(from, to)| {
            format!(", between {:.3} s and {:.3} s of it", seconds(from), seconds(to))
        });
        // CAST: for people.
        let (asleep_s, extra_s) = (asleep as f64 / 1e9, extra as f64 / 1e9);
        let found = if asleep > 0 {
            let sentence = format!(
                "the host slept for {asleep_s:.3} s during the recording{place}: durations across that time include {extra_s:.3} s of it"
            );
            self.jump_at_unknown_time("suspend", asleep.into(), sentence)
        } else {
            let sentence = format!(
                "the processor's counter and the system's clock moved apart by {extra_s:.3} s during the \
                 recording{place}: durations across that moment are off by as much"
            );
            self.jump_at_unknown_time("counter", extra, sentence)
        };
        Some(Jump { within: gap.unwrap_or(found.within), ..found })
    }

    /// Returns the only gap of about `ticks` ticks in which no thread recorded anything; `None` if
    /// there are several or none.
    fn gap(&self, log: &Log, ticks: u64) -> Option<(u64, u64)> {
        let length = self.end.ticks - self.start.ticks;
        let width = length / PARTS as u64 + 1;
        let mut is_busy = vec![false; PARTS];
        for entry in log.threads.iter().flat_map(|thread| thread.entries()).filter(|entry| entry.is_timed()) {
            // CAST: below `PARTS`, or past the end.
            let part = (entry.value().saturating_sub(self.start.ticks) / width) as usize;
            if let Some(busy) = is_busy.get_mut(part) {
                *busy = true;
            }
        }
        let least = (ticks / width).saturating_sub(2).max(1) as usize;
        let mut parts = 0;
        let mut gaps = is_busy.chunk_by(|one, next| one == next).filter_map(|run| {
            parts += run.len();
            (!run[0] && run.len() >= least).then_some((parts - run.len(), parts))
        });
        let (Some((from, to)), None) = (gaps.next(), gaps.next()) else { return None };
        let tick = |part: usize| self.start.ticks + (part as u64 * width).min(length);
        Some((tick(from), tick(to)))
    }

    /// Returns the step of the real-time clock, if it was set.
    fn step(&self) -> Option<Jump> {
        let passed = |of: fn(&Anchor) -> u64| i128::from(of(&self.end)) - i128::from(of(&self.start));
        let monotonic = passed(|anchor| anchor.monotonic_ns);
        let step = passed(|anchor| anchor.unix_ns) - monotonic - passed(|anchor| anchor.asleep_ns);
        (step.abs() > MIN_STEP_NS.max(monotonic / 1_000)).then(|| {
            let sentence = format!(
                "the system's clock was set by {:+.3} s during the recording: times of day follow the clock as it was at the \
                 start",
                // CAST: for people.
                step as f64 / 1e9
            );
            self.jump_at_unknown_time("real time", step, sentence)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns an anchor at `ns` of the monotonic clock, after a sleep of `asleep_ns`.
    fn at(ns: u64, asleep_ns: u64) -> Anchor {
        Anchor {
            ticks: 3 * (ns + asleep_ns),
            monotonic_ns: ns,
            unix_ns: ns + asleep_ns,
            uncertainty_ticks: 300,
            asleep_ns,
        }
    }

    const S: u64 = 1_000_000_000;

    fn told(window: &Window) -> Vec<String> {
        window.jumps(&Log::default()).into_iter().map(|jump| jump.sentence).collect()
    }

    /// B12: a sleep before the recording does not count, however short the recording is.
    #[test]
    fn a_sleep_before_the_recording_bends_nothing() {
        for length in [S, S / 1_000, S / 100_000] {
            let (start, end) = (at(10 * S, 60 * S), at(10 * S + length, 60 * S));
            let later = Some(at(10 * S + length + S / 1_000, 60 * S));
            let window = Window { process: at(0, 0), start, end, open: (0, 0), later };
            let second = window.pace().ns_of(3 * S);
            assert!(second.abs_diff(S) < S / 100, "{length} ns: {second}");
            assert_eq!(told(&window), [""; 0]);
        }
    }

    /// B12: durations on both sides of a sleep are right, and the sleep is reported.
    #[test]
    fn a_sleep_in_the_recording_is_told() {
        let window = Window {
            process: at(0, 0),
            start: at(S, 0),
            end: at(3 * S, 60 * S),
            open: (0, 0),
            later: Some(at(4 * S, 60 * S)),
        };
        assert!(window.pace().ns_of(3 * S).abs_diff(S) < S / 100);
        let told = told(&window);
        assert!(told.len() == 1 && told[0].starts_with("the host slept for 60.000 s during the recording"), "{told:?}");
    }

    /// B12: a paused machine does not report its sleep, and a counter may be set.
    #[test]
    fn a_counter_that_jumps_is_told() {
        let jumped = |by: i64, at: Anchor| Anchor { ticks: at.ticks.saturating_add_signed(by * 3), asleep_ns: 0, ..at };
        let by = S.cast_signed();
        let window = |by: i64| Window {
            process: at(S, 0),
            start: at(2 * S, 0),
            end: jumped(by, at(3 * S, 0)),
            open: (0, 0),
            later: Some(jumped(by, at(4 * S, 0))),
        };
        assert!(window(by).pace().ns_of(3 * S).abs_diff(S) < S / 100);
        assert!(told(&window(by))[0].contains("moved apart by 1.000 s"));
        assert!(told(&window(-2 * by))[0].contains("was set back"));
        assert_eq!(told(&window(0)), [""; 0]);
    }

    #[test]
    fn a_step_of_real_time_is_told_and_bends_nothing() {
        let end = at(2 * S, 0);
        let window = Window {
            process: at(0, 0),
            start: at(S, 0),
            end: Anchor { unix_ns: end.unix_ns + 7_200 * S, ..end },
            open: (0, 0),
            later: None,
        };
        assert!(window.pace().ns_of(3 * S).abs_diff(S) < S / 100);
        assert!(told(&window)[0].contains("was set by +7200.000 s"));
    }
}
