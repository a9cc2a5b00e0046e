//! Remains of discarded entries: the ranges that are still open, and counts of everything else.
//!
//! A ring overwrites its oldest chunk, and a recording may be cut to its last seconds. Either can
//! discard the begin of a range and keep its end. So the begins of open ranges are carried over
//! with their descriptions, and readers decode them before the kept entries. Nesting stays intact,
//! and each range is counted exactly once, as shown or as overwritten. `thread_stream` uses this
//! for chunks, `registry::Log::cut` for a cut in time.

use super::entry::{Action, Entry, Tag};
use super::skip_whole::{OpenRange, Stretch};

/// Maximum number of description entries that wait for a begin. If there are more, their begins
/// found no room.
const MAX_PENDING: usize = 512;

/// State of a thread's stream after the absorbed entries.
#[derive(Clone, Debug, Default)]
pub struct Carry {
    /// Begins of open ranges, outermost first, each after its description; then the description of
    /// the next begin.
    entries: Vec<Entry>,
    /// Begin of each open range, with the index of its first entry in `entries`.
    open: Vec<(usize, Entry)>,
    /// Index in `entries` of the next begin's description.
    pending: usize,
    /// Number of ranges whose begin and end were both absorbed.
    pub overwritten: u64,
    /// Number of ends without a begin.
    pub began_before: u64,
    /// Number of allocations and releases.
    pub(crate) allocations: u64,
    /// Change of each device's memory in bytes, by the device's number.
    pub changes: Vec<(u32, i64)>,
    /// Ticks of the last entry.
    pub(crate) last: u64,
}

impl Carry {
    /// Returns the entries that readers decode before the kept ones.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Creates the state of a stream for which only the number of overwritten ranges is known.
    pub fn of_overwritten(ranges: u64) -> Self {
        Self { overwritten: ranges, ..Self::default() }
    }

    /// Absorbs the next entries of the stream, as far as there is memory for what is kept of them.
    /// Returns the number of absorbed entries. Costs a few instructions per entry.
    pub(crate) fn absorb(&mut self, entries: &[Entry]) -> usize {
        let (mut rest, mut open) = (entries, Vec::new());
        while let [first, others @ ..] = rest {
            // A pending description belongs to the next begin, so that begin cannot be part of a
            // stretch.
            if self.pending == self.entries.len() {
                let length = self.absorb_stretch(rest, &mut open);
                rest = &rest[length..];
                if length > 0 {
                    continue;
                }
            }
            if !self.try_reserve(1, 1) {
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

    /// Reserves memory for `entries` more entries, `open` more open ranges and one more device's
    /// change; returns false if there is none.
    fn try_reserve(&mut self, entries: usize, open: usize) -> bool {
        let lists = self.entries.try_reserve(entries).and_then(|()| self.open.try_reserve(open));
        lists.and_then(|()| self.changes.try_reserve(1)).is_ok()
    }

    /// Absorbs the longest prefix that can be handled at once; returns its length.
    fn absorb_stretch(&mut self, entries: &[Entry], open: &mut Vec<OpenRange>) -> usize {
        let Stretch { length, whole, open, pending } = Stretch::scan(entries, open);
        let described: usize = open.iter().map(|open| open.begin + 1 - open.from).sum();
        if !self.try_reserve(described + length - pending, open.len()) {
            return 0;
        }
        self.overwritten += whole;
        for open in &*open {
            entries[open.from..=open.begin].iter().for_each(|entry| self.take(*entry));
        }
        entries[pending..length].iter().for_each(|entry| self.take(*entry));
        length
    }

    /// Absorbs the entries before `ticks`, and returns their number. The description of the first
    /// kept range is carried over.
    pub(crate) fn absorb_until(&mut self, entries: &[Entry], ticks: u64) -> usize {
        let kept = entries.iter().position(|entry| entry.is_timed() && entry.value() >= ticks);
        let count = kept.unwrap_or(entries.len());
        let mut done = 0;
        while done < count {
            done += self.absorb(&entries[done..count]);
            // This is the reader's memory: if there is none, the process aborts.
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
            Some(Tag::TaskEnd | Tag::EarlierPoll) => self.consume(Tag::Task),
            Some(Tag::Block) => self.allocate(entry),
            Some(Tag::Timed | Tag::OnStream) => self.add_to_innermost(entry),
            Some(Tag::StepMark | Tag::Measured | Tag::MeasuredAt) => {}
            // An empty slot stands for a range whose begin a signal handler's entry has replaced:
            // see `cursor`.
            None => self.overwritten += u64::from(entry.is_empty()),
            Some(_) if self.entries.len() - self.pending < MAX_PENDING => self.entries.push(entry),
            Some(_) => self.entries.truncate(self.pending),
        }
    }

    fn end(&mut self, end: Entry) {
        // The usual case: the innermost range ends, and nothing is pending.
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

    /// Adds an entry to the innermost range, for descriptions that follow their begin.
    fn add_to_innermost(&mut self, entry: Entry) {
        if self.pending == self.entries.len() && !self.open.is_empty() {
            self.entries.push(entry);
            self.pending = self.entries.len();
        }
    }

    /// Counts an allocation at its second entry, while the first one is pending.
    fn allocate(&mut self, block: Entry) {
        self.allocations += 1;
        let memory = self.entries[self.pending..].iter().rev().find(|entry| entry.tag() == Some(Tag::Memory));
        let Some((device, action)) = memory.map(|first| (first.site(), Action::from_u32(first.argument()))) else {
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

    /// Removes the pending entries with this tag.
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

    /// Adds the counts of another stream; returns `None` if there is no memory for them.
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

    /// Creates the state of a stream whose earlier entries are lost: it has a begin for each range
    /// that ends in `entries` but does not begin there. These ranges begin at `ticks`, or as
    /// shortly before as their ends' names permit.
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
