//! Fast path through discarded entries: counts complete ranges in bulk and leaves the rest to its
//! caller.
//!
//! A ring discards as many entries as it records, so discarding must be cheap compared with
//! recording. Programs are loops: after a range has ended, the entries that follow are compared
//! with the range's own and skipped while they are equal, at about three instructions each. Nothing
//! but the number of complete ranges is kept, so equal entries need no further look. The caller,
//! `carry_over`, handles every entry that is not part of a complete range.

use super::entry::{Entry, Tag};

/// Number of entries compared at once.
const BLOCK: usize = 8;

/// A prefix of entries that can be discarded at once.
#[derive(Debug)]
pub(crate) struct Stretch<'a> {
    /// Number of entries. The stretch ends before the first entry that is neither a begin, nor the
    /// end of the stretch's innermost open range, nor a description; or where there is no memory
    /// for more open ranges.
    pub(crate) length: usize,
    /// Number of complete ranges.
    pub(crate) whole: u64,
    /// Ranges that begin in the stretch and stay open, outermost first.
    pub(crate) open: &'a mut Vec<OpenRange>,
    /// Index of the next begin's description.
    pub(crate) pending: usize,
}

/// An open range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenRange {
    /// Index of the range's first entry: its description, or else its begin.
    pub(crate) from: usize,
    /// Index of the begin.
    pub(crate) begin: usize,
    /// Number of complete ranges before it.
    whole: u64,
}

impl<'a> Stretch<'a> {
    /// Finds the stretch at the front of `entries`. `open` is a reusable buffer.
    pub(crate) fn scan(entries: &[Entry], open: &'a mut Vec<OpenRange>) -> Self {
        open.clear();
        let mut stretch = Self { length: 0, whole: 0, open, pending: 0 };
        while let Some(&entry) = entries.get(stretch.length) {
            let at = stretch.length;
            if entry.is(Tag::Begin) {
                if stretch.open.try_reserve(1).is_err() {
                    break;
                }
                stretch.open.push(OpenRange { from: stretch.pending, begin: at, whole: stretch.whole });
                stretch.pending = at + 1;
            } else if entry.is_end()
                && stretch.pending == at
                && let Some(open) = stretch.open.pop_if(|open| entry.ends(entries[open.begin]))
            {
                stretch.whole += 1;
                stretch.pending = at + 1;
                stretch.length = at + 1;
                stretch.skip_repetitions(open, entries);
                continue;
            } else if !entry.describes() {
                break;
            }
            stretch.length = at + 1;
        }
        stretch
    }

    /// Skips repetitions of a range that has just ended. Entries equal to the range's own are
    /// complete ranges, too.
    fn skip_repetitions(&mut self, range: OpenRange, entries: &[Entry]) {
        let (before, next) = (&entries[range.from..], &entries[self.length..]);
        let length = self.length - range.from;
        let mut times = common_prefix(before, next) / length;
        if before[..length].iter().any(|entry| entry.guard_name() != 0) {
            while times > 0 && !guards_balance(&next[..times * length]) {
                times /= 2;
            }
        }
        self.whole += times as u64 * (self.whole - range.whole);
        self.length += times * length;
        self.pending = self.length;
    }
}

/// Returns whether the guards that end in `entries` are those that begin there, given equal numbers
/// of both. Entries whose sites repeat may still be guards that each replace their predecessor.
fn guards_balance(entries: &[Entry]) -> bool {
    entries.iter().fold(0, |all, entry| all ^ entry.guard_name()) == 0
}

/// Returns the length of the common prefix, in whole blocks. Ignores the entries' values and the
/// begins that guards' ends name.
fn common_prefix(one: &[Entry], other: &[Entry]) -> usize {
    let is_same = |(one, other): &(&[Entry; BLOCK], &[Entry; BLOCK])| {
        // Compares all before it tests the result, so that there is one branch per block.
        let differences = one.iter().zip(*other).map(|(one, other)| one.difference(*other));
        differences.fold(0, |all, one| all | one) == 0
    };
    let blocks = one.as_chunks().0.iter().zip(other.as_chunks().0);
    BLOCK * blocks.take_while(is_same).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(tag: Tag, site: u32) -> Entry {
        Entry::new(tag, site, 1)
    }

    /// Returns a range with a description and `leaves` ranges inside.
    fn range(leaves: usize) -> Vec<Entry> {
        let leaf = [entry(Tag::Begin, 2), entry(Tag::End, 2)];
        let mut range = vec![entry(Tag::Argument, 1), entry(Tag::Begin, 1)];
        range.extend(leaf.repeat(leaves));
        range.push(entry(Tag::End, 1));
        range
    }

    #[test]
    fn a_loop_is_counted_to_the_last_of_its_ranges() {
        for leaves in [0, 1, 3, 20] {
            for times in [1, 2, 100] {
                let mut open = Vec::new();
                let stretch = Stretch::scan(&range(leaves).repeat(times), &mut open);
                let ranges = (times * (leaves + 1)) as u64;
                assert_eq!((stretch.whole, stretch.open.len()), (ranges, 0), "{leaves} leaves, {times} times");
                assert_eq!(stretch.length, times * (3 + 2 * leaves));
            }
        }
    }

    #[test]
    fn a_partial_repetition_is_not_counted_as_complete() {
        let mut entries = range(3).repeat(2);
        let begun = entries.len();
        entries.extend(&range(3)[..6]);
        let mut open = Vec::new();
        let stretch = Stretch::scan(&entries, &mut open);
        assert_eq!((stretch.whole, stretch.length), (10, entries.len()));
        let open: Vec<_> = stretch.open.iter().map(|open| (open.from, open.begin)).collect();
        assert_eq!(open, [(begun, begun + 1)]);
    }

    /// A1: entries whose sites repeat may be guards that replace each other.
    #[test]
    fn guards_that_replace_each_other_are_no_loop() {
        let begin = |ticks| Entry::begin_of_guard(1, ticks);
        let end = |of| Entry::end_of_guard(Entry::guard(1, of), of + 7);
        let whole: Vec<_> = (1..40).flat_map(|ticks| [begin(10 * ticks), end(10 * ticks)]).collect();
        let (mut open, others) = (Vec::new(), &mut Vec::new());
        assert_eq!(Stretch::scan(&whole, &mut open).whole, 39);
        let replaced = (40..80).flat_map(|ticks| [begin(10 * ticks + 10), end(10 * ticks)]);
        let entries: Vec<_> = whole.into_iter().chain([begin(400)]).chain(replaced).collect();
        let stretch = Stretch::scan(&entries, others);
        assert_eq!((stretch.whole, stretch.length, stretch.open.len()), (39, 80, 2));
    }

    #[test]
    fn a_stretch_ends_where_a_guard_outlives_the_one_around_it() {
        let entries = [entry(Tag::Begin, 1), entry(Tag::Begin, 2), entry(Tag::End, 1), entry(Tag::End, 2)];
        let mut open = Vec::new();
        let stretch = Stretch::scan(&entries, &mut open);
        assert_eq!((stretch.length, stretch.whole, stretch.open.len()), (2, 0, 2));
    }
}
