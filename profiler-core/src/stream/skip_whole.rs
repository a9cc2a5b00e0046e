//! The quick way through discarded entries: it counts the ranges that are whole, and leaves the
//! rest to its caller.
//!
//! A ring discards as many entries as it records, so this has to be cheap beside recording.
//! Programs are loops: after a range has ended, the entries that follow are compared with those of
//! the range, and skipped for as long as they are the same, at some three instructions each. They
//! have the same effect, which is none: whole ranges leave only their number. The caller,
//! `carry_over`, handles every entry that is not part of a whole range.

use super::entry::{Entry, Tag};

/// Number of entries that are compared at once.
const BLOCK: usize = 8;

/// Result of one stretch of entries.
#[derive(Debug)]
pub(crate) struct Stretch<'a> {
    /// Number of entries: it ends before an entry that is neither a begin, nor the end of the
    /// innermost range that began in it, nor a description; where there is no memory for more open
    /// ranges; or with the last entry.
    pub(crate) length: usize,
    /// Number of ranges that began and ended in it.
    pub(crate) whole: u64,
    /// Ranges that began in it and are open, outermost first.
    pub(crate) open: &'a mut Vec<Open>,
    /// Start of the description of a begin to come.
    pub(crate) pending: usize,
}

/// An open range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open {
    /// Index of the first entry: that of the description, or the begin.
    pub(crate) from: usize,
    /// Index of the begin.
    pub(crate) begin: usize,
    /// Number of whole ranges before it.
    whole: u64,
}

impl<'a> Stretch<'a> {
    /// Returns the stretch at the front of `entries`; `open` is lent, so that one allocation serves
    /// many stretches.
    pub(crate) fn of(entries: &[Entry], open: &'a mut Vec<Open>) -> Self {
        open.clear();
        let mut stretch = Self { length: 0, whole: 0, open, pending: 0 };
        while let Some(&entry) = entries.get(stretch.length) {
            let at = stretch.length;
            if entry.is(Tag::Begin) {
                if stretch.open.try_reserve(1).is_err() {
                    break;
                }
                stretch.open.push(Open { from: stretch.pending, begin: at, whole: stretch.whole });
                stretch.pending = at + 1;
            } else if entry.is_end()
                && stretch.pending == at
                && let Some(open) = stretch.open.pop_if(|open| entry.ends(entries[open.begin]))
            {
                stretch.whole += 1;
                stretch.pending = at + 1;
                stretch.length = at + 1;
                stretch.skip_what_repeats(open, entries);
                continue;
            } else if !entry.describes() {
                break;
            }
            stretch.length = at + 1;
        }
        stretch
    }

    /// Skips repetitions of a range that has just ended: equal ranges after it, one after the
    /// other, have ended too.
    fn skip_what_repeats(&mut self, range: Open, entries: &[Entry]) {
        let (before, next) = (&entries[range.from..], &entries[self.length..]);
        let length = self.length - range.from;
        let mut times = common(before, next) / length;
        if before[..length].iter().any(|entry| entry.guard_name() != 0) {
            while times > 0 && !ends_what_it_begins(&next[..times * length]) {
                times /= 2;
            }
        }
        self.whole += times as u64 * (self.whole - range.whole);
        self.length += times * length;
        self.pending = self.length;
    }
}

/// Returns whether the guards that end in `entries` are those that begin there, if there are as
/// many of both: entries that repeat by their sites alone may still be a guard that replaces the
/// one before it again and again.
fn ends_what_it_begins(entries: &[Entry]) -> bool {
    entries.iter().fold(0, |all, entry| all ^ entry.guard_name()) == 0
}

/// Returns how many entries at the front of both are equal except for their values, and for the
/// begins that ends name; counted in whole blocks.
fn common(one: &[Entry], other: &[Entry]) -> usize {
    let is_same = |(one, other): &(&[Entry; BLOCK], &[Entry; BLOCK])| {
        // All are compared before any result is tested: one branch for all.
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

    /// Returns a range with a description, and `leaves` ranges in it.
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
                let stretch = Stretch::of(&range(leaves).repeat(times), &mut open);
                let ranges = (times * (leaves + 1)) as u64;
                assert_eq!((stretch.whole, stretch.open.len()), (ranges, 0), "{leaves} leaves, {times} times");
                assert_eq!(stretch.length, times * (3 + 2 * leaves));
            }
        }
    }

    #[test]
    fn what_repeats_in_part_is_not_taken_for_whole() {
        let mut entries = range(3).repeat(2);
        let begun = entries.len();
        entries.extend(&range(3)[..6]);
        let mut open = Vec::new();
        let stretch = Stretch::of(&entries, &mut open);
        assert_eq!((stretch.whole, stretch.length), (10, entries.len()));
        let open: Vec<_> = stretch.open.iter().map(|open| (open.from, open.begin)).collect();
        assert_eq!(open, [(begun, begun + 1)]);
    }

    /// A1: entries that repeat by their sites alone may be guards that replace each other.
    #[test]
    fn guards_that_replace_each_other_are_no_loop() {
        let begin = |ticks| Entry::begin_of_guard(1, ticks);
        let end = |of| Entry::end_of_guard(Entry::guard(1, of), of + 7);
        let whole: Vec<_> = (1..40).flat_map(|ticks| [begin(10 * ticks), end(10 * ticks)]).collect();
        let (mut open, others) = (Vec::new(), &mut Vec::new());
        assert_eq!(Stretch::of(&whole, &mut open).whole, 39);
        let replaced = (40..80).flat_map(|ticks| [begin(10 * ticks + 10), end(10 * ticks)]);
        let entries: Vec<_> = whole.into_iter().chain([begin(400)]).chain(replaced).collect();
        let stretch = Stretch::of(&entries, others);
        assert_eq!((stretch.whole, stretch.length, stretch.open.len()), (39, 80, 2));
    }

    #[test]
    fn a_stretch_ends_where_a_guard_outlives_the_one_around_it() {
        let entries = [entry(Tag::Begin, 1), entry(Tag::Begin, 2), entry(Tag::End, 1), entry(Tag::End, 2)];
        let mut open = Vec::new();
        let stretch = Stretch::of(&entries, &mut open);
        assert_eq!((stretch.length, stretch.whole, stretch.open.len()), (2, 0, 2));
    }
}
