//! Readers of streams: a stop, a dump, a sweep. They check the entries that they read.

use super::registry;
use super::segment::Run;
use super::thread_stream::Stream;

/// Part of a stream that a stop takes: the number of overwritten entries, and the rest.
pub struct Held(u64, Vec<Run>);

/// Takes the present entries of every stream.
pub fn hold() -> Vec<Held> {
    registry::each(|stream| {
        let (runs, carry) = stream.runs(0, u64::MAX);
        Held(carry.map_or(0, |carry| carry.overwritten), runs.to_vec())
    })
}

impl Held {
    /// Reads the entries from the front, and checks that they are those that were written, in
    /// order. Returns where they end.
    pub fn read(&self) -> u64 {
        let mut next = self.0;
        for run in &self.1 {
            assert_eq!(run.position(), next, "runs lie one after the other");
            for entry in run.entries() {
                assert_eq!(entry.number(), next, "an entry is where it was written");
                next += 1;
            }
        }
        next
    }
}

/// Reads all streams. Returns the end of each, counting overwritten entries.
pub fn read() -> Vec<u64> {
    hold().iter().map(Held::read).collect()
}

/// Returns length and losses.
pub fn marks(stream: &Stream) -> (u64, u64) {
    (stream.length(), stream.losses())
}

/// Takes the entries since the last stop, as a stop does, and reads them. Returns where they end.
pub fn take(stream: &Stream, from: u64) -> u64 {
    let taken = stream.take(from);
    Held(from, taken.runs.to_vec()).read()
}

/// Returns whether any stream's owner writes into a store that no new chunks come from, as
/// `registry::is_one_behind` does.
pub fn is_one_behind() -> bool {
    registry::each(|stream| stream.is_behind()).contains(&true)
}
