//! The remains of discarded entries: the ranges that are still open, and counts of everything else.
//!
//! A ring overwrites its oldest chunk, and a recording may be cut to its last seconds. Either way
//! the begin of a range can go while its end stays. So the begins of open ranges are carried over,
//! with their descriptions: the reader decodes them before the entries that are kept, nesting stays
//! whole, and each range is counted exactly once: shown, or overwritten. `thread_stream` uses it
//! for chunks, `registry::Log::cut` for a moment.

use super::entry::{Action, Entry, Tag};
use super::skip_whole::{Open, Stretch};

/// Maximum number of descriptions that wait for a begin: any more are left over from begins that
/// found no room.
const MOST_PENDING: usize = 512;

/// The state of a thread's stream after the entries that were absorbed.
#[derive(Clone, Debug, Default)]
pub struct Carry {
    /// Begins of open ranges, outermost first, each after its description; then the descriptions of
    /// a begin to come.
    entries: Vec<Entry>,
    /// Start of the entries of each open range, and its begin.
    open: Vec<(usize, Entry)>,
    /// Start of the descriptions of the next begin.
    pending: usize,
    /// Number of ranges whose begin and end were both absorbed.
    pub overwritten: u64,
    /// Number of ends whose begin was never there.
    pub began_before: u64,
    /// Number of allocations and releases.
    pub(crate) allocations: u64,
    /// Changes of each device's memory, by the device's number.
    pub changes: Vec<(u32, i64)>,
    /// Ticks of the last entry.
    pub(crate) last: u64,
}

impl Carry {
    /// Returns the entries that have to be decoded before those that are kept.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Creates the state of a stream of which only the number of overwritten ranges is known.
    pub fn of_overwritten(ranges: u64) -> Self {
        Self { overwritten: ranges, ..Self::default() }
    }

    /// Absorbs `entries`, the next ones of the stream, as far as there is memory for what remains
    /// of them, and returns how many it absorbed. Costs a few instructions per entry.
    pub(crate) fn absorb(&mut self, entries: &[Entry]) -> usize {
        let (mut rest, mut open) = (entries, Vec::new());
        while let [first, others @ ..] = rest {
            // Pending descriptions belong to the next begin, whether or not its range is whole.
            if self.pending == self.entries.len() {
                let length = self.absorb_stretch(rest, &mut open);
                rest = &rest[length..];
                if length > 0 {
                    continue;
                }
            }
            if !self.has_room(1, 1) {
                break;
            }
            self.take(*first);
            rest = others;
        }
        let count = entries.len() - rest.len();
        if let Some(last) = entries[..count].iter().rev().find(|entry| entry.is_timed()) {
            self.last = self.last.max(last.value());
        }
        count
    }

    /// Returns whether there is memory for so many more entries and open ranges, and for one more
    /// device's change.
    fn has_room(&mut self, entries: usize, open: usize) -> bool {
        let lists = self.entries.try_reserve(entries).and_then(|()| self.open.try_reserve(open));
        lists.and_then(|()| self.changes.try_reserve(1)).is_ok()
    }

    /// Absorbs as many entries as possible at once, and returns how many those were.
    fn absorb_stretch(&mut self, entries: &[Entry], open: &mut Vec<Open>) -> usize {
        let Stretch { length, whole, open, pending } = Stretch::of(entries, open);
        let described: usize = open.iter().map(|open| open.begin + 1 - open.from).sum();
        if !self.has_room(described + length - pending, open.len()) {
            return 0;
        }
        self.overwritten += whole;
        for open in &*open {
            entries[open.from..=open.begin].iter().for_each(|entry| self.take(*entry));
        }
        entries[pending..length].iter().for_each(|entry| self.take(*entry));
        length
    }

    /// Absorbs the entries before `ticks`, and returns how many those were. The description of a
    /// range that is kept is carried over.
    pub(crate) fn absorb_until(&mut self, entries: &[Entry], ticks: u64) -> usize {
        let kept = entries.iter().position(|entry| entry.is_timed() && entry.value() >= ticks);
        let count = kept.unwrap_or(entries.len());
        let mut done = 0;
        while done < count {
            done += self.absorb(&entries[done..count]);
            // This is memory of the reader: without it the process ends.
            self.entries.reserve(1);
            self.open.reserve(1);
            self.changes.reserve(1);
        }
        count
    }

    fn take(&mut self, entry: Entry) {
        match entry.tag() {
            Some(Tag::Begin) => {
                self.entries.push(entry);
                self.open.push((self.pending, entry));
                self.pending = self.entries.len();
            }
            Some(Tag::End) => {
                if self.pending < self.entries.len() {
                    self.consume(Tag::CpuTime);
                }
                self.end(entry);
            }
            Some(Tag::TaskEnd) => self.consume(Tag::Task),
            Some(Tag::Block) => self.allocate(entry),
            Some(Tag::Timed | Tag::OnStream) => self.add_to_innermost(entry),
            Some(Tag::StepMark | Tag::Measured | Tag::MeasuredAt) => {}
            // A range whose begin another has replaced: see `cursor`.
            None => self.overwritten += u64::from(entry.is_empty()),
            Some(_) if self.entries.len() - self.pending < MOST_PENDING => self.entries.push(entry),
            Some(_) => self.entries.truncate(self.pending),
        }
    }

    fn end(&mut self, end: Entry) {
        // The innermost range, with nothing pending: the usual case.
        if self.pending == self.entries.len()
            && let Some((from, _)) = self.open.pop_if(|(_, begin)| end.ends(*begin))
        {
            self.overwritten += 1;
            self.entries.truncate(from);
            self.pending = from;
            return;
        }
        let Some(at) = self.open.iter().rposition(|&(_, begin)| end.ends(begin)) else {
            self.began_before += 1;
            return;
        };
        self.overwritten += 1;
        let (from, _) = self.open.remove(at);
        let to = self.open.get(at).map_or(self.pending, |&(start, _)| start);
        self.entries.drain(from..to);
        for (start, _) in &mut self.open[at..] {
            *start -= to - from;
        }
        self.pending -= to - from;
    }

    /// Adds an entry that, unlike other descriptions, comes after its begin to the innermost range.
    fn add_to_innermost(&mut self, entry: Entry) {
        if self.pending == self.entries.len() && !self.open.is_empty() {
            self.entries.push(entry);
            self.pending = self.entries.len();
        }
    }

    /// Counts an allocation at its second entry; the first one is pending.
    fn allocate(&mut self, block: Entry) {
        self.allocations += 1;
        let waiting = self.entries[self.pending..].iter().rev().find(|entry| entry.tag() == Some(Tag::Memory));
        let Some((device, action)) = waiting.map(|first| (first.site(), Action::from_u32(first.argument()))) else {
            return;
        };
        self.consume(Tag::Memory);
        let bytes = i64::try_from(block.second()).unwrap_or(i64::MAX);
        let change = match action {
            Some(Action::Alloc | Action::MovedTo) => bytes,
            Some(Action::Free | Action::MovedFrom) => -bytes,
            Some(Action::OutOfMemory) | None => return,
        };
        match self.changes.iter_mut().find(|(known, _)| *known == device) {
            Some((_, sum)) => *sum = sum.saturating_add(change),
            None => self.changes.push((device, change)),
        }
    }

    /// Removes the pending descriptions of this kind.
    fn consume(&mut self, tag: Tag) {
        let mut kept = self.pending;
        for at in self.pending..self.entries.len() {
            if self.entries[at].tag() != Some(tag) {
                self.entries[kept] = self.entries[at];
                kept += 1;
            }
        }
        self.entries.truncate(kept);
    }

    /// Adds the counts of another stream to this one's; `None` if there is no memory for them.
    pub(crate) fn add_counts(&mut self, other: &Self) -> Option<()> {
        self.changes.try_reserve(other.changes.len()).ok()?;
        self.overwritten += other.overwritten;
        self.began_before += other.began_before;
        self.allocations += other.allocations;
        for &(device, change) in &other.changes {
            match self.changes.iter_mut().find(|(known, _)| *known == device) {
                Some((_, sum)) => *sum = sum.saturating_add(change),
                None => self.changes.push((device, change)),
            }
        }
        Some(())
    }

    /// Returns the begins of the ranges that end in `entries` and do not begin there, as if they
    /// had begun at `ticks`, or as shortly before as their ends admit: for a stream whose past is
    /// unknown.
    pub fn of_orphans<'a>(entries: impl Iterator<Item = &'a Entry>, ticks: u64) -> Self {
        let (mut open, mut orphans) = (Vec::new(), Vec::new());
        for entry in entries {
            match entry.tag() {
                Some(Tag::Begin) => open.push(*entry),
                Some(Tag::End) => match open.iter().rposition(|begin| entry.ends(*begin)) {
                    Some(at) => {
                        open.remove(at);
                    }
                    None => orphans.push(*entry),
                },
                _ => {}
            }
        }
        let mut carry = Self::default();
        // The innermost range ended first.
        for end in orphans.into_iter().rev() {
            carry.take(Entry::new(Tag::Begin, end.site(), end.begin_before(ticks)));
        }
        carry
    }
}

#[cfg(test)]
mod tests;
