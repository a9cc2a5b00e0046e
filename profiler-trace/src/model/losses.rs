//! Losses: everything that should be in an artifact and is not, by cause.

/// Counted, never silent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// Ranges for which the buffer budget had no room, per thread name.
    pub(crate) buffer_full: Vec<(String, u64)>,
    /// Ranges that ending threads tried to record after their thread-locals were gone.
    pub(crate) ending_threads: u64,
    /// Ranges that began where the recorder itself ran: in a signal handler that interrupted it, or in the program's
    /// allocator, which it had called.
    pub(crate) reentered: u64,
    /// Ends whose range began before the recording: shown nowhere.
    pub(crate) began_before: u64,
    /// Ranges that were overwritten by later ones, or are older than what is kept: shown nowhere.
    pub(crate) overwritten: u64,
    /// Ranges that began before what is kept: shown from there on.
    pub(crate) clipped: u64,
    /// Ranges that were open when the recording ended: shown up to that moment.
    pub(crate) unfinished: u64,
    /// Allocations and releases for which the buffer budget had no room.
    pub(crate) memory_events: u64,
    /// Entries that this version cannot read.
    pub(crate) unreadable: u64,
    /// Ranges whose names were merged into one, because the process had used too many.
    pub(crate) merged_ranges: u64,
    /// Calls whose shapes or FLOPs could not be computed: shown without.
    pub(crate) descriptions_failed: u64,
    /// Names that the process has used beyond those that are told apart; 0 if that is not known.
    pub(crate) merged_names: u64,
}

impl Losses {
    /// Ranges that are missing from the trace although they were recorded for (not counting those clipped by the
    /// window).
    pub(crate) fn missing(&self) -> u64 {
        self.buffer_full.iter().map(|(_, lost)| lost).sum::<u64>()
            + self.ending_threads
            + self.reentered
            + self.unreadable
    }
}
