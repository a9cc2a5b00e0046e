//! Entries: the 16-byte records that make up a thread's stream.
//!
//! A range is two entries, its begin and its end, in the order in which the thread ran them. So
//! nesting needs no depth counter, ranges that are still open at a stop can be found, and the
//! stream of a killed process can be read up to its last entry. Further properties of a begin (its
//! arguments, the task of a poll) are separate entries *before* it, which the reader
//! (`model::decode`) keeps until the begin of the same site arrives.
//!
//! Ranges that come from attributes end in the reverse order of their begins, so their ends name
//! only the site and end its innermost range. Guards are values that a program may keep and drop in
//! any order, so the end of a guard also names its begin, by the low 31 bits of the begin's ticks.
//! If two open ranges of one site share these bits (exactly 0.7 s apart at 3 GHz, or begun within
//! one tick of a slow counter), the innermost one ends.

use super::key::Key;
use crate::integer::Integer;

/// One record: a value (clock ticks, unless the tag says otherwise), a site, and a header with tag
/// and argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Entry {
    /// Clock ticks or a payload, depending on the tag.
    value: u64,
    /// Number of the site (`Site::number`), 0 for none.
    site: u32,
    /// `tag << 24 | argument`; for a guard's end, [`GUARD`] and the bits that name its begin.
    head: u32,
}

/// Flag of a guard's end, in the header.
const GUARD: u32 = 1 << 31;
/// [`GUARD`] at its position in a guard's word.
const GUARD_WORD: u64 = (GUARD as u64) << 32;
/// Mask of the bits of a begin's ticks that name it.
const IDENTITY: u32 = GUARD - 1;

macro_rules! tags {
    ($($(#[$about:meta])* $tag:ident = $number:literal;)+) => {
        /// Meaning of an entry.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Tag {
            $($(#[$about])* $tag = $number),+
        }

        impl Tag {
            /// Returns the tag with this number, if there is one.
            pub(crate) const fn from_u8(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$tag),)+
                    _ => None,
                }
            }
        }
    };
}

tags! {
    /// Begin of a range; value: ticks, argument: [`GUARDED`] if a guard ends it.
    Begin = 1;
    /// End of a range; value: ticks. [`Entry::ends`] matches it with its begin.
    End = 2;
    /// Task of the next begin or `TaskEnd` of this site; value: number of the task, argument:
    /// [`FIRST_POLL`] or [`ENDS`].
    Task = 3;
    /// End of a task; value: ticks, argument: [`COMPLETED`], or 0 if it was dropped.
    TaskEnd = 4;
    /// Call of `next_step()`; value: ticks.
    StepMark = 5;
    /// Argument of the next range (its key: [`Entry::key`]); value: the first word. Further words
    /// follow as `More`.
    Argument = 6;
    /// Two more words of the preceding argument, as an [`Entry::pair`].
    More = 7;
    /// Allocation or release; value: ticks, site: number of the device, argument: the [`Action`].
    /// `Block` follows.
    Memory = 8;
    /// Block of the preceding `Memory`: address and bytes, as an [`Entry::pair`].
    Block = 9;
    /// GPU timing of the range that began just before; value: number of the measurement, argument:
    /// index of the context. `OnStream` follows.
    Timed = 10;
    /// GPU stream of the preceding `Timed`; value: its handle.
    OnStream = 11;
    /// Result of a measurement: its number and length in nanoseconds, as an [`Entry::pair`].
    /// `MeasuredAt` follows.
    Measured = 12;
    /// Begin of the preceding `Measured`; value: signed nanoseconds since the context's reference
    /// event.
    MeasuredAt = 13;
    /// The thread's CPU clock at the begin or end of this site that follows; value: nanoseconds.
    CpuTime = 14;
    /// Poll of the preceding `Task` that was recorded as an ordinary range: the ticks of its begin
    /// and its length in ticks, as an [`Entry::pair`].
    EarlierPoll = 15;
}

/// Argument of [`Tag::Task`]: the begin that follows is the task's first poll.
pub const FIRST_POLL: u32 = 1;
/// Argument of [`Tag::Task`]: a `TaskEnd` follows.
pub(crate) const ENDS: u32 = 2;
/// Argument of [`Tag::Begin`]: the range's end names this begin.
const GUARDED: u32 = 1;
/// Argument of [`Tag::TaskEnd`]: the future returned `Ready`.
pub const COMPLETED: u32 = 1;

/// Event in the life of a block; argument of [`Tag::Memory`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Action {
    /// The block was allocated.
    Alloc = 1,
    /// The block was freed.
    Free = 2,
    /// The block could not be allocated.
    OutOfMemory = 3,
    /// The old block of a reallocation. `MovedTo` follows in the stream.
    MovedFrom = 4,
    /// The new block of a reallocation; totals change here.
    MovedTo = 5,
}

impl Action {
    /// Returns the action with this number, if there is one.
    pub const fn from_u32(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Alloc,
            2 => Self::Free,
            3 => Self::OutOfMemory,
            4 => Self::MovedFrom,
            5 => Self::MovedTo,
            _ => return None,
        })
    }
}

const ARGUMENT_BITS: u32 = 24;
const ARGUMENT_MASK: u32 = (1 << ARGUMENT_BITS) - 1;
/// Number of bits for an argument's detail, below its key.
const DETAIL_BITS: u32 = 8;

impl Entry {
    /// An entry that was never written.
    pub(crate) const EMPTY: Self = Self { value: 0, site: 0, head: 0 };

    /// Creates an entry without an argument.
    #[inline(always)]
    pub const fn new(tag: Tag, site: u32, value: u64) -> Self {
        Self { value, site, head: (tag as u32) << ARGUMENT_BITS }
    }

    /// Returns the word that a guard of `site` keeps for its end. It is negative as a signed
    /// number, so never 0.
    #[inline(always)]
    pub const fn guard(site: u32, begin: u64) -> u64 {
        begin << 32 | GUARD_WORD | site as u64
    }

    /// Creates the begin of a guard's range.
    #[inline(always)]
    pub const fn begin_of_guard(site: u32, ticks: u64) -> Self {
        Self { value: ticks, site, head: (Tag::Begin as u32) << ARGUMENT_BITS | GUARDED }
    }

    /// Creates the end of the guard that keeps `word`.
    #[inline(always)]
    pub const fn end_of_guard(word: u64, ticks: u64) -> Self {
        // CAST: the halves of the word.
        Self { value: ticks, site: word as u32, head: (word >> 32) as u32 }
    }

    /// Returns whether this end ends the range of `begin`.
    #[inline]
    pub const fn ends(self, begin: Self) -> bool {
        // CAST: the bits that name a begin are the low ones.
        let differs = self.head & GUARD != 0 && (self.head ^ begin.value as u32) & IDENTITY != 0;
        self.site == begin.site && !differs
    }

    /// Returns the latest ticks up to `ticks` at which the range of this end may have begun.
    pub(crate) const fn begin_before(self, ticks: u64) -> u64 {
        if self.head & GUARD == 0 {
            return ticks;
        }
        // CAST: as in `ends`.
        let later = (ticks as u32).wrapping_sub(self.head) & IDENTITY;
        ticks.saturating_sub(later as u64)
    }

    /// Sets the argument, of at most 24 bits.
    pub const fn with_argument(self, argument: u32) -> Self {
        Self { head: self.head & !ARGUMENT_MASK | argument & ARGUMENT_MASK, ..self }
    }

    /// Creates the first entry of an argument. `detail` is the number of words that follow or, for
    /// a number, 1 if it is negative.
    #[inline(always)]
    pub const fn argument_of(key: Key, detail: u8, site: u32, value: u64) -> Self {
        Self::new(Tag::Argument, site, value).with_argument(key.to_bits() << DETAIL_BITS | detail as u32)
    }

    /// Creates an argument that is a number.
    #[inline(always)]
    pub const fn number_of(key: Key, site: u32, number: Integer) -> Self {
        Self::argument_of(key, number.is_negative as u8, site, number.bits)
    }

    /// Writes the words after an argument's first, two per entry. The second of each pair has at
    /// most 56 bits; a missing one is 0.
    #[inline(always)]
    pub(crate) fn write_others<T: Copy>(into: &mut [Self], others: &[T], word: impl Fn(T) -> u64) {
        for (entry, pair) in into.iter_mut().zip(others.chunks(2)) {
            *entry = Self::pair(Tag::More, word(pair[0]), pair.get(1).map_or(0, |other| word(*other)));
        }
    }

    /// Creates the entry of an argument's first word, with the number of words that follow.
    #[inline(always)]
    pub(crate) const fn first_of((key, site, first): (Key, u32, u64), others: usize) -> Self {
        // CAST: no argument has more than 255 words.
        Self::argument_of(key, others as u8, site, first)
    }

    /// Returns an argument's key.
    pub const fn key(self) -> Key {
        Key::from_bits(self.argument() >> DETAIL_BITS)
    }

    /// Returns the number of words that follow or, for a number, 1 if it is negative.
    pub const fn detail(self) -> u8 {
        // CAST: the detail is the low bits.
        self.argument() as u8
    }

    /// Returns the value of an argument that is a number.
    pub const fn number(self) -> Integer {
        Integer { bits: self.value, is_negative: self.detail() != 0 }
    }

    /// Creates an entry of two numbers. The second, of at most 56 bits, is stored in argument and
    /// site.
    pub const fn pair(tag: Tag, first: u64, second: u64) -> Self {
        // CAST: the halves of the number.
        Self::new(tag, second as u32, first).with_argument((second >> 32) as u32)
    }

    /// Returns the entry's tag; `None` for a number that this version does not define.
    #[inline]
    pub const fn tag(self) -> Option<Tag> {
        if self.head & GUARD != 0 {
            return Some(Tag::End);
        }
        // CAST: eight bits remain.
        Tag::from_u8((self.head >> ARGUMENT_BITS) as u8)
    }

    /// Returns the argument.
    pub const fn argument(self) -> u32 {
        self.head & ARGUMENT_MASK
    }

    /// Returns the site's number.
    #[inline]
    pub const fn site(self) -> u32 {
        self.site
    }

    /// Returns the value.
    #[inline]
    pub const fn value(self) -> u64 {
        self.value
    }

    /// Returns whether the entry has this tag, which must not be `End`.
    #[inline(always)]
    pub const fn is(self, tag: Tag) -> bool {
        self.head >> ARGUMENT_BITS == tag as u32
    }

    /// Returns whether the entry ends a range.
    #[inline(always)]
    pub const fn is_end(self) -> bool {
        self.head & GUARD != 0 || self.is(Tag::End)
    }

    /// Returns whether the value is a time in ticks.
    pub const fn is_timed(self) -> bool {
        matches!(self.tag(), Some(Tag::Begin | Tag::End | Tag::TaskEnd | Tag::StepMark | Tag::Memory))
    }

    /// Returns whether dropping this entry loses its range. That holds for begins and for entries
    /// without which the begin is not written. A dropped description only leaves a gap, and an end
    /// is kept for the next chunk.
    pub(crate) const fn loses_range(self) -> bool {
        matches!(self.tag(), Some(Tag::Begin | Tag::Task | Tag::StepMark)) && !self.begins_task_end()
    }

    /// Returns whether a `TaskEnd` follows, whose task this entry names.
    pub(crate) const fn begins_task_end(self) -> bool {
        matches!(self.tag(), Some(Tag::Task)) && self.argument() == ENDS
    }

    /// Returns whether the entry is part of an end, whose begin may be recorded.
    pub(crate) const fn is_of_an_end(self) -> bool {
        self.is_end() || self.begins_task_end() || matches!(self.tag(), Some(Tag::TaskEnd))
    }

    /// Returns the bits that name the begin of a guard, for its begin and its end; 0 for all other
    /// entries.
    #[inline(always)]
    pub(crate) const fn guard_name(self) -> u32 {
        const BEGIN: u32 = (Tag::Begin as u32) << ARGUMENT_BITS | GUARDED;
        // CAST: see `ends`.
        let of_begin = if self.head == BEGIN { self.value as u32 } else { 0 };
        let of_end = if self.head & GUARD != 0 { self.head } else { 0 };
        (of_begin | of_end) & IDENTITY
    }

    /// Returns 0 if both entries are equal except for their values and, for guards' ends, the
    /// begins that they name.
    #[inline(always)]
    pub(crate) const fn difference(self, other: Self) -> u32 {
        // All ones for a guard's end.
        // CAST: an arithmetic shift copies the sign bit.
        let is_guard = (self.head as i32 >> 31) as u32;
        (self.site ^ other.site) | (self.head ^ other.head) & !(is_guard & IDENTITY)
    }

    /// Returns whether the entry only describes the next range.
    pub(crate) const fn describes(self) -> bool {
        matches!(self.tag(), Some(Tag::Argument | Tag::More | Tag::CpuTime))
    }

    /// Returns whether the entry was never written.
    pub const fn is_empty(self) -> bool {
        self.head == 0
    }

    /// Returns the second number of an [`Entry::pair`].
    pub const fn second(self) -> u64 {
        (self.argument() as u64) << 32 | self.site as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_keeps_tag_argument_site_and_value() {
        let entry = Entry::new(Tag::Task, u32::MAX, 7).with_argument(FIRST_POLL);
        assert_eq!(
            (entry.tag(), entry.argument(), entry.site(), entry.value()),
            (Some(Tag::Task), FIRST_POLL, u32::MAX, 7)
        );
        assert_eq!(
            (Entry::pair(Tag::More, 3, 1 << 40 | 9).value(), Entry::pair(Tag::More, 3, 1 << 40 | 9).second()),
            (3, 1 << 40 | 9)
        );
        for number in 0..=255u8 {
            assert!(Tag::from_u8(number).is_none_or(|tag| tag as u8 == number));
        }
    }

    /// A1: an end names its begin, up to a wrap-around of the bits that name it.
    #[test]
    fn a_guards_end_names_its_begin_and_another_end_its_site() {
        let begin = |ticks| Entry::new(Tag::Begin, 7, ticks);
        for ticks in [0, 1, u64::from(IDENTITY), 1 << 31, u64::MAX] {
            let word = Entry::guard(7, ticks);
            let end = Entry::end_of_guard(word, 99);
            assert!((word as i64) < 0);
            assert_eq!((end.tag(), end.site(), end.value(), end.is_end()), (Some(Tag::End), 7, 99, true));
            assert_eq!(end.guard_name(), Entry::begin_of_guard(7, ticks).guard_name());
            assert!(end.ends(begin(ticks)) && end.ends(begin(ticks ^ 1 << 31)));
            assert!(!end.ends(begin(ticks ^ 1)) && !end.ends(Entry::new(Tag::Begin, 8, ticks)));
            assert_eq!(end.begin_before(ticks), ticks);
            assert_eq!(end.difference(Entry::end_of_guard(Entry::guard(7, 5), 1)), 0);
            assert_ne!(end.difference(Entry::new(Tag::End, 7, 99)), 0);
            assert_ne!(Entry::new(Tag::End, 7, 99).difference(end), 0);
        }
        assert!(Entry::new(Tag::End, 7, 99).ends(begin(1)));
        let end = Entry::end_of_guard(Entry::guard(7, (3 << 31) + 5), 99);
        assert_eq!([(4 << 31) + 4, (4 << 31) + 5].map(|last| end.begin_before(last)), [(3 << 31) + 5, (4 << 31) + 5]);
    }
}
