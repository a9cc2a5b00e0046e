//! Alignment of ranks: the offset of each rank's times, and its uncertainty.
//!
//! Ranks with the same clock `id` read one monotonic clock, but each read real time independently
//! at its start; the differences between real and monotonic time show by how much these readings
//! disagree. Ranks on different hosts share only real time. Their offsets cannot be corrected, but
//! the hosts' reports about clock synchronisation bound the error.

use crate::export::report_parts::clock::ClockReport;

use super::metadata::Metadata;

/// Method by which a rank was aligned in a merged trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Alignment {
    /// The lowest rank, to whose clock the others are converted.
    Reference,
    /// A monotonic clock shared with a rank on the same host.
    SharedClock,
    /// The real time of its host.
    RealTime,
    /// The real time that it states: it has no clock anchors, and the merge was forced.
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

/// Offset of a rank's times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RankOffset {
    pub(super) alignment: Alignment,
    /// Nanoseconds to add to its times.
    pub(super) offset_ns: i64,
    /// Maximum error relative to the first rank; `None` if unknown.
    pub(super) uncertainty_ns: Option<u64>,
}

/// Difference between real times on one host above which the clock must have been set, or the hosts
/// differ.
const SUSPICIOUS_NS: u64 = 1_000_000_000;

impl RankOffset {
    /// Returns a warning if the offset is too large for two readings of one clock.
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

/// Computes the offset of each rank. The ranks are in order; the first is the reference.
pub(super) fn offsets(ranks: &[&Metadata]) -> Vec<RankOffset> {
    let mut offsets: Vec<RankOffset> = Vec::with_capacity(ranks.len());
    for (index, rank) in ranks.iter().enumerate() {
        let same_host = ranks[..index].iter().position(|other| shares_clock(other, rank));
        offsets.push(match (rank.profiler.clock.as_ref(), same_host) {
            _ if index == 0 => RankOffset { alignment: Alignment::Reference, offset_ns: 0, uncertainty_ns: Some(0) },
            (None, _) => RankOffset { alignment: Alignment::Unanchored, offset_ns: 0, uncertainty_ns: None },
            (Some(_), Some(leader)) => by_shared_clock(offsets[leader], ranks[leader], rank),
            (Some(_), None) => by_real_time(ranks[0], rank),
        });
    }
    offsets
}

fn shares_clock(one: &Metadata, other: &Metadata) -> bool {
    let id = |metadata: &Metadata| metadata.profiler.clock.as_ref().and_then(|clock| clock.id.clone());
    id(one).is_some_and(|one| id(other).is_some_and(|other| one == other))
}

/// Computes the offset of a rank from a rank on the same host whose offset is known.
fn by_shared_clock(leader: RankOffset, leader_metadata: &Metadata, metadata: &Metadata) -> RankOffset {
    let Some((one, other)) = leader_metadata.profiler.clock.as_ref().zip(metadata.profiler.clock.as_ref()) else {
        return leader;
    };
    let real_minus_monotonic =
        |clock: &ClockReport| i128::from(clock.begin.unix_ns) - i128::from(clock.begin.monotonic_ns);
    let offset = real_minus_monotonic(one) - real_minus_monotonic(other) + i128::from(leader.offset_ns);
    let own = own_error_ns(leader_metadata, one) + own_error_ns(metadata, other);
    RankOffset {
        alignment: Alignment::SharedClock,
        offset_ns: i64::try_from(offset).unwrap_or(if offset < 0 { i64::MIN } else { i64::MAX }),
        uncertainty_ns: leader.uncertainty_ns.map(|before| before.saturating_add(own)),
    }
}

fn by_real_time(reference: &Metadata, metadata: &Metadata) -> RankOffset {
    let bound = |metadata: &Metadata| {
        let clock = metadata.profiler.clock.as_ref()?;
        Some(clock.real_time_error_ns?.saturating_add(own_error_ns(metadata, clock) + step_ns(clock)))
    };
    let uncertainty_ns = bound(reference).zip(bound(metadata)).map(|(one, other)| one.saturating_add(other));
    RankOffset { alignment: Alignment::RealTime, offset_ns: 0, uncertainty_ns }
}

/// Returns the maximum error of one rank's anchors, plus how far the trace's clock and the
/// monotonic clock had diverged at the end.
fn own_error_ns(metadata: &Metadata, clock: &ClockReport) -> u64 {
    let reading = clock.begin.uncertainty_ns.max(clock.end.uncertainty_ns);
    reading + metadata.length_ns().abs_diff(monotonic_ns(clock))
}

fn monotonic_ns(clock: &ClockReport) -> u64 {
    clock.end.monotonic_ns.saturating_sub(clock.begin.monotonic_ns)
}

/// Returns by how much real time was set or slewed during the recording.
fn step_ns(clock: &ClockReport) -> u64 {
    let real = i128::from(clock.end.unix_ns) - i128::from(clock.begin.unix_ns);
    u64::try_from((real - i128::from(monotonic_ns(clock))).unsigned_abs()).unwrap_or(u64::MAX)
}
