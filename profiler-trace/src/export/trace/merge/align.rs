//! How far each rank's times are off, and how well that is known. Pure.
//!
//! Ranks with the same clock `id` read one monotonic clock: their real times at the beginning were
//! read independently, and the difference to the monotonic clock says by how much they disagree.
//! Between hosts only real time is common; nothing can be corrected, but the error is bounded by
//! what the kernels say of their synchronisation.

use crate::export::report_parts::clock::ClockReport;

use super::metadata::Head;

/// The basis on which a rank was placed in a merged trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Alignment {
    /// The lowest rank: the others are brought to its clock.
    Reference,
    /// By the monotonic clock that it shares with a rank on the same host.
    SharedClock,
    /// By the real time of its host.
    RealTime,
    /// By the real time that it claims: it has no anchors, and was forced in.
    Unanchored,
}

impl Alignment {
    /// Returns the word in the merged file.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::SharedClock => "shared_clock",
            Self::RealTime => "real_time",
            Self::Unanchored => "unanchored",
        }
    }
}

/// A rank's place in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) alignment: Alignment,
    /// Nanoseconds to add to its times.
    pub(super) offset_ns: i64,
    /// Possible error against the first rank; `None` if unknown.
    pub(super) uncertainty_ns: Option<u64>,
}

/// Difference of one host's real times above which the clock was set in between, or the hosts
/// differ.
const SUSPICIOUS_NS: u64 = 1_000_000_000;

impl Placed {
    /// Returns a warning about an offset that no two readings of one clock explain.
    pub(super) fn doubt(&self, rank: u32) -> Option<String> {
        let off = self.offset_ns.unsigned_abs();
        (self.alignment == Alignment::SharedClock && off > SUSPICIOUS_NS).then(|| {
            format!(
                "rank {rank} shares a host's monotonic clock, but its real time is {:.3} s off: the clock was set between \
                 the recordings, or two machines are copies with the same boot id",
                off as f64 / 1e9
            )
        })
    }
}

/// Returns the place of each rank; `heads` are in order of rank, the first is the reference.
pub(super) fn place(heads: &[&Head]) -> Vec<Placed> {
    let mut placed: Vec<Placed> = Vec::with_capacity(heads.len());
    for (index, head) in heads.iter().enumerate() {
        let same_host = heads[..index].iter().position(|other| shares_clock(other, head));
        placed.push(match (head.profiler.clock.as_ref(), same_host) {
            _ if index == 0 => Placed { alignment: Alignment::Reference, offset_ns: 0, uncertainty_ns: Some(0) },
            (None, _) => Placed { alignment: Alignment::Unanchored, offset_ns: 0, uncertainty_ns: None },
            (Some(_), Some(leader)) => beside(placed[leader], heads[leader], head),
            (Some(_), None) => by_real_time(heads[0], head),
        });
    }
    placed
}

fn shares_clock(one: &Head, other: &Head) -> bool {
    let id = |head: &Head| head.profiler.clock.as_ref().and_then(|clock| clock.id.clone());
    id(one).is_some_and(|one| id(other).is_some_and(|other| one == other))
}

/// Places a rank beside one of the same host, which is placed already.
fn beside(leader: Placed, leader_head: &Head, head: &Head) -> Placed {
    let Some((one, other)) = leader_head.profiler.clock.as_ref().zip(head.profiler.clock.as_ref()) else {
        return leader;
    };
    let real_minus_monotonic =
        |clock: &ClockReport| i128::from(clock.begin.unix_ns) - i128::from(clock.begin.monotonic_ns);
    let offset = real_minus_monotonic(one) - real_minus_monotonic(other) + i128::from(leader.offset_ns);
    let own = own_error_ns(leader_head, one) + own_error_ns(head, other);
    Placed {
        alignment: Alignment::SharedClock,
        offset_ns: i64::try_from(offset).unwrap_or(if offset < 0 { i64::MIN } else { i64::MAX }),
        uncertainty_ns: leader.uncertainty_ns.map(|before| before.saturating_add(own)),
    }
}

fn by_real_time(reference: &Head, head: &Head) -> Placed {
    let bound = |head: &Head| {
        let clock = head.profiler.clock.as_ref()?;
        Some(clock.real_time_error_ns?.saturating_add(own_error_ns(head, clock) + step_ns(clock)))
    };
    let uncertainty_ns = bound(reference).zip(bound(head)).map(|(one, other)| one.saturating_add(other));
    Placed { alignment: Alignment::RealTime, offset_ns: 0, uncertainty_ns }
}

/// Returns how far the clocks of one anchor may lie apart, plus by how much the trace's own clock
/// and the monotonic one have parted at the end.
fn own_error_ns(head: &Head, clock: &ClockReport) -> u64 {
    let reading = clock.begin.uncertainty_ns.max(clock.end.uncertainty_ns);
    reading + head.length_ns().abs_diff(monotonic_ns(clock))
}

fn monotonic_ns(clock: &ClockReport) -> u64 {
    clock.end.monotonic_ns.saturating_sub(clock.begin.monotonic_ns)
}

/// Returns by how much real time was set or slewed during the recording.
fn step_ns(clock: &ClockReport) -> u64 {
    let real = i128::from(clock.end.unix_ns) - i128::from(clock.begin.unix_ns);
    u64::try_from((real - i128::from(monotonic_ns(clock))).unsigned_abs()).unwrap_or(u64::MAX)
}
