//! What stays of entries that are let go: the ranges that are still open, and counts of everything else.
//!
//! A ring overwrites its oldest chunk, and a recording may be cut to its last seconds. Either way the begin of a range
//! can go while its end stays. So the begins of open ranges are carried on, with what was said about them: the reader
//! decodes them before the entries that are kept, nesting stays whole, and each range is counted exactly once: shown,
//! or overwritten. `stream` uses it for chunks, `registry::Log::cut` for a moment.

use super::entry::{Entry, Tag};
use super::memory::Action;

/// Descriptions that wait for a begin: more were left behind by begins that found no room.
const MOST_PENDING: usize = 512;

/// The state of a thread's stream after the entries that were absorbed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Carry {
    /// Begins of open ranges, outermost first, each after its description; then what describes a begin to come.
    entries: Vec<Entry>,
    /// Where the entries of each open range start, and its site.
    open: Vec<(usize, u32)>,
    /// Where the descriptions of the next begin start.
    pending: usize,
    /// Ranges whose end was absorbed, and their begin too.
    pub(crate) overwritten: u64,
    /// Ends whose begin never was there.
    pub(crate) began_before: u64,
    /// Allocations and releases.
    pub(crate) allocations: u64,
    /// By how much they changed each device's memory, by its number.
    pub(crate) changes: Vec<(u32, i64)>,
    /// Ticks of the last entry.
    pub(crate) last: u64,
}

impl Carry {
    /// What has to be decoded before the entries that are kept.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Of a stream of which only this number is known.
    pub(super) fn of_overwritten(ranges: u64) -> Self {
        Self { overwritten: ranges, ..Self::default() }
    }

    /// Lets go of `entries`, the next of the stream. Costs a few instructions an entry.
    pub(super) fn absorb(&mut self, entries: &[Entry]) {
        let mut rest = entries;
        while let [first, others @ ..] = rest {
            // A range with nothing inside, the most frequent case.
            if first.is(Tag::Begin)
                && self.pending == self.entries.len()
                && let [second, others @ ..] = others
                && second.is(Tag::End)
                && second.site() == first.site()
            {
                self.overwritten += 1;
                rest = others;
                continue;
            }
            self.take(*first);
            rest = others;
        }
        if let Some(last) = entries.iter().rev().find(|entry| entry.is_timed()) {
            self.last = self.last.max(last.value());
        }
    }

    /// Lets go of the entries before `ticks`, and says how many that were. What describes a range that is kept is
    /// carried.
    pub(super) fn absorb_until(&mut self, entries: &[Entry], ticks: u64) -> usize {
        let kept = entries.iter().position(|entry| entry.is_timed() && entry.value() >= ticks);
        let count = kept.unwrap_or(entries.len());
        self.absorb(&entries[..count]);
        count
    }

    fn take(&mut self, entry: Entry) {
        match entry.tag() {
            Some(Tag::Begin) => {
                self.entries.push(entry);
                self.open.push((self.pending, entry.site()));
                self.pending = self.entries.len();
            }
            Some(Tag::End) => self.end(entry.site()),
            Some(Tag::TaskEnd) => self.consume(Tag::Task),
            Some(Tag::Block) => self.allocate(entry),
            Some(Tag::StepMark) | None => {}
            Some(_) if self.entries.len() - self.pending < MOST_PENDING => self.entries.push(entry),
            Some(_) => self.entries.truncate(self.pending),
        }
    }

    fn end(&mut self, site: u32) {
        let Some(at) = self.open.iter().rposition(|&(_, open)| open == site) else {
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

    /// The second half of an allocation, whose first half waits.
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

    /// Removes the descriptions of this kind that wait.
    fn consume(&mut self, tag: Tag) {
        let waiting = self.entries.split_off(self.pending);
        self.entries.extend(waiting.into_iter().filter(|entry| entry.tag() != Some(tag)));
    }

    /// Counts what another stream has let go, as if it were this one's.
    pub(super) fn add_counts(&mut self, other: &Self) {
        self.overwritten += other.overwritten;
        self.began_before += other.began_before;
        self.allocations += other.allocations;
        for &(device, change) in &other.changes {
            match self.changes.iter_mut().find(|(known, _)| *known == device) {
                Some((_, sum)) => *sum = sum.saturating_add(change),
                None => self.changes.push((device, change)),
            }
        }
    }

    /// The begins of the ranges that end in `entries` and do not begin there, as if they had begun at `ticks`: for a
    /// stream of whose past nothing is known.
    pub(super) fn of_orphans<'a>(entries: impl Iterator<Item = &'a Entry>, ticks: u64) -> Self {
        let (mut open, mut orphans) = (Vec::new(), Vec::new());
        for entry in entries {
            match entry.tag() {
                Some(Tag::Begin) => open.push(entry.site()),
                Some(Tag::End) => match open.iter().rposition(|site| *site == entry.site()) {
                    Some(at) => drop(open.remove(at)),
                    None => orphans.push(entry.site()),
                },
                _ => {}
            }
        }
        let mut carry = Self::default();
        // The innermost ended first.
        for site in orphans.into_iter().rev() {
            carry.take(Entry::new(Tag::Begin, site, ticks));
        }
        carry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTER: u32 = 1;
    const INNER: u32 = 2;

    fn entry(tag: Tag, site: u32, value: u64) -> Entry {
        Entry::new(tag, site, value)
    }

    #[test]
    fn open_ranges_and_their_descriptions_are_carried_and_ended_ones_counted() {
        let stream = [
            entry(Tag::Index, OUTER, 7),
            entry(Tag::Begin, OUTER, 10),
            entry(Tag::Begin, INNER, 11),
            entry(Tag::End, INNER, 12),
            entry(Tag::Flops, INNER, 99),
            entry(Tag::Begin, INNER, 13),
            entry(Tag::Flops, INNER, 98),
        ];
        let mut carry = Carry::default();
        // Wherever the stream is torn apart, the result is the same.
        for piece in stream.chunks(3) {
            carry.absorb(piece);
        }
        assert_eq!(carry.entries(), [stream[0], stream[1], stream[4], stream[5], stream[6]]);
        assert_eq!((carry.open.len(), carry.overwritten, carry.last), (2, 1, 13));
        carry.absorb(&[entry(Tag::End, OUTER, 20)]);
        assert_eq!(carry.entries(), [stream[4], stream[5], stream[6]], "a guard outlived the range around it");
        carry.absorb(&[entry(Tag::End, INNER, 21), entry(Tag::End, INNER, 22)]);
        assert_eq!((carry.entries(), carry.overwritten, carry.began_before), (&[stream[6]][..], 3, 1));
    }

    #[test]
    fn a_cut_falls_before_the_description_of_what_is_kept() {
        let stream = [
            entry(Tag::Begin, OUTER, 10),
            entry(Tag::End, OUTER, 11),
            entry(Tag::Index, INNER, 3),
            entry(Tag::Begin, INNER, 12),
        ];
        let mut carry = Carry::default();
        assert_eq!(carry.absorb_until(&stream, 12), 3);
        assert_eq!(carry.entries(), [stream[2]]);
    }

    #[test]
    fn allocations_that_go_change_the_level_at_which_the_rest_begins() {
        let pair = |action: Action, bytes| {
            [entry(Tag::Memory, 3, 5).with_argument(action as u32), Entry::pair(Tag::Block, 0xABC, bytes)]
        };
        let mut carry = Carry::default();
        carry.absorb(&[pair(Action::Alloc, 100), pair(Action::Free, 30)].concat());
        assert_eq!((carry.changes.as_slice(), carry.allocations), (&[(3, 70)][..], 2));
        assert!(carry.entries().is_empty());
    }

    #[test]
    fn ends_without_a_begin_become_ranges_that_were_open() {
        let kept = [
            entry(Tag::End, INNER, 5),
            entry(Tag::Begin, INNER, 6),
            entry(Tag::End, INNER, 7),
            entry(Tag::End, OUTER, 8),
        ];
        let carry = Carry::of_orphans(kept.iter(), 4);
        assert_eq!(carry.entries(), [entry(Tag::Begin, OUTER, 4), entry(Tag::Begin, INNER, 4)]);
    }
}
