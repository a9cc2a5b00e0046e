//! The only content of a thread's buffer: 16-byte entries.
//!
//! A range is two entries, its begin and its end, in the order in which the thread ran them, so
//! that nesting needs no depth counter, a range that is still open at stop is known, and the stream
//! of a killed process can be read up to its last entry. Other properties of a begin (its
//! arguments, the task of a poll) are entries of their own *before* it: the reader holds them until
//! the begin of the same site arrives. `model::decode` is the reader.
//!
//! The ranges of an attribute's site end in the reverse order of their begins: an end names the
//! site, and ends its innermost range. Guards are values, which a program may keep and drop in any
//! order: the end of a guard also names the begin, by the low 31 bits of its ticks. If two open
//! ranges of one site have these bits in common (0.7 s apart to the tick at 3 GHz, or begun within
//! one tick of a slow counter), the innermost ends.

use super::key::Key;
use crate::integer::Integer;

/// One record: a value (clock ticks, unless the tag says otherwise), a site, and a head of tag and
/// argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Entry {
    /// Clock ticks for `Begin`, `End`, `TaskEnd` and `StepMark`; else the payload.
    value: u64,
    /// Number of the site (`Site::number`), 0 for none.
    site: u32,
    /// `tag << 24 | argument`; for a guard's end, [`GUARD`] and the name of its begin.
    head: u32,
}

/// Mark of a guard's end.
const GUARD: u32 = 1 << 31;
/// Mark of a guard's word: [`GUARD`] at its position in the word.
const GUARD_WORD: u64 = (GUARD as u64) << 32;
/// Bits of a begin's ticks that name it.
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
    /// A range begins; value: ticks, argument [`GUARDED`] if a guard ends it.
    Begin = 1;
    /// A range ends; value: ticks. [`Entry::ends`] tells which one.
    End = 2;
    /// The next begin or `TaskEnd` of this site belongs to the task in `value`; argument
    /// [`FIRST_POLL`] on its first poll.
    Task = 3;
    /// A task completed (argument [`COMPLETED`]) or was dropped; value: ticks.
    TaskEnd = 4;
    /// A bare `step()` call; value: ticks.
    StepMark = 5;
    /// An argument of the next range; value: the first word, see [`Entry::key`]. The others follow
    /// as `More`.
    Argument = 6;
    /// Two words of the argument before: [`Entry::pair`].
    More = 7;
    /// Memory was allocated or freed; value: ticks, site: the device's number, argument: the
    /// action. `Block` follows.
    Memory = 8;
    /// The block of the `Memory` before: its address and bytes, [`Entry::pair`].
    Block = 9;
    /// The range that began just before is timed on the GPU; value: number of the measurement,
    /// argument: the context's place. Its `OnStream` follows.
    Timed = 10;
    /// The stream of the `Timed` before; value: its handle.
    OnStream = 11;
    /// A measurement has arrived: its number and its length in nanoseconds, [`Entry::pair`]. Its
    /// `MeasuredAt` follows.
    Measured = 12;
    /// Begin of the measurement before; value: nanoseconds since the context's reference, as a
    /// signed number.
    MeasuredAt = 13;
    /// The thread's CPU clock just before the begin or end of this site that follows; value:
    /// nanoseconds.
    CpuTime = 14;
}

/// Argument of [`Tag::Task`]: the slice that follows is the task's first poll.
pub const FIRST_POLL: u32 = 1;
/// Argument of a `Task` that precedes its `TaskEnd`.
pub(crate) const ENDS: u32 = 2;
/// Argument of [`Tag::Begin`]: its end names this begin.
const GUARDED: u32 = 1;
/// Argument of [`Tag::TaskEnd`]: the future returned `Ready`.
pub const COMPLETED: u32 = 1;

/// Event of a block: argument of [`Tag::Memory`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Action {
    /// The block was allocated.
    Alloc = 1,
    /// The block is freed.
    Free = 2,
    /// The block could not be allocated.
    OutOfMemory = 3,
    /// The block was reallocated: this is the old one. `MovedTo` follows in the stream.
    MovedFrom = 4,
    /// The new block of a reallocation; only now the total changes.
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
/// Bits of an argument's detail, below its key.
const DETAIL_BITS: u32 = 8;

impl Entry {
    /// Memory that was never written.
    pub(crate) const EMPTY: Self = Self { value: 0, site: 0, head: 0 };

    /// Creates an entry of this kind.
    #[inline(always)]
    pub const fn new(tag: Tag, site: u32, value: u64) -> Self {
        Self { value, site, head: (tag as u32) << ARGUMENT_BITS }
    }

    /// Returns the word that a guard of `site` keeps for its end: never 0, and negative as a signed
    /// number.
    #[inline(always)]
    pub const fn guard(site: u32, begin: u64) -> u64 {
        begin << 32 | GUARD_WORD | site as u64
    }

    /// Returns the begin of a guard.
    #[inline(always)]
    pub const fn begin_of_guard(site: u32, ticks: u64) -> Self {
        Self { value: ticks, site, head: (Tag::Begin as u32) << ARGUMENT_BITS | GUARDED }
    }

    /// Returns the end of the guard that keeps `word`.
    #[inline(always)]
    pub const fn end_of_guard(word: u64, ticks: u64) -> Self {
        // CAST: the halves of the word.
        Self { value: ticks, site: word as u32, head: (word >> 32) as u32 }
    }

    /// Returns whether this entry, an end, ends the range of `begin`.
    #[inline]
    pub const fn ends(self, begin: Self) -> bool {
        // CAST: the name of a begin is among its lower bits.
        let differs = self.head & GUARD != 0 && (self.head ^ begin.value as u32) & IDENTITY != 0;
        self.site == begin.site && !differs
    }

    /// Returns ticks at which the range of this end may have begun, the latest that are not after
    /// `ticks`.
    pub(crate) const fn begin_before(self, ticks: u64) -> u64 {
        if self.head & GUARD == 0 {
            return ticks;
        }
        // CAST: as in `ends`.
        let later = (ticks as u32).wrapping_sub(self.head) & IDENTITY;
        ticks.saturating_sub(later as u64)
    }

    /// Returns the entry with an argument of at most 24 bits.
    pub const fn with_argument(self, argument: u32) -> Self {
        Self { head: self.head & !ARGUMENT_MASK | argument & ARGUMENT_MASK, ..self }
    }

    /// Returns the first entry of an argument. `detail` is the number of words that follow, or for
    /// a number, whether it is negative.
    #[inline(always)]
    pub const fn argument_of(key: Key, detail: u8, site: u32, value: u64) -> Self {
        Self::new(Tag::Argument, site, value).with_argument(key.to_bits() << DETAIL_BITS | detail as u32)
    }

    /// Returns an argument that is a number.
    #[inline(always)]
    pub const fn number_of(key: Key, site: u32, number: Integer) -> Self {
        Self::argument_of(key, number.is_negative as u8, site, number.bits)
    }

    /// Writes the words that follow an argument's first, two to an entry: the second of each pair
    /// has at most 56 bits, and a word after the last is 0.
    #[inline(always)]
    pub(crate) fn write_others<T: Copy>(into: &mut [Self], others: &[T], word: impl Fn(T) -> u64) {
        for (entry, pair) in into.iter_mut().zip(others.chunks(2)) {
            *entry = Self::pair(Tag::More, word(pair[0]), pair.get(1).map_or(0, |other| word(*other)));
        }
    }

    /// Returns the entry of an argument's first word, with the number of the others that follow it.
    #[inline(always)]
    pub(crate) const fn first_of((key, site, first): (Key, u32, u64), others: usize) -> Self {
        // CAST: no argument has more words.
        Self::argument_of(key, others as u8, site, first)
    }

    /// Returns the key of an argument.
    pub const fn key(self) -> Key {
        Key::from_bits(self.argument() >> DETAIL_BITS)
    }

    /// Returns the number of words that follow, or for a number, whether it is negative.
    pub const fn detail(self) -> u8 {
        // CAST: only the low bits are wanted.
        self.argument() as u8
    }

    /// Returns the value of an argument that is a number.
    pub const fn number(self) -> Integer {
        Integer { bits: self.value, is_negative: self.detail() != 0 }
    }

    /// Creates an entry of two numbers; the second, of at most 56 bits, takes the place of argument
    /// and site.
    pub const fn pair(tag: Tag, first: u64, second: u64) -> Self {
        // CAST: the halves of the number.
        Self::new(tag, second as u32, first).with_argument((second >> 32) as u32)
    }

    /// Returns the meaning of this entry; `None` for a number that this version does not know.
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

    /// Returns the number of the site.
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

    /// Returns whether a range is lost if there is no room for this entry: it precedes the begin,
    /// which is not tried then, or is the begin. A description without room is left out, and an
    /// end's begin is already there.
    pub(crate) const fn loses_range(self) -> bool {
        matches!(self.tag(), Some(Tag::Begin | Tag::Task | Tag::StepMark)) && !self.begins_task_end()
    }

    /// Returns whether the entry names the task of the `TaskEnd` after it.
    pub(crate) const fn begins_task_end(self) -> bool {
        matches!(self.tag(), Some(Tag::Task)) && self.argument() == ENDS
    }

    /// Returns whether the entry belongs to an end whose begin may be recorded.
    pub(crate) const fn is_of_an_end(self) -> bool {
        self.is_end() || self.begins_task_end() || matches!(self.tag(), Some(Tag::TaskEnd))
    }

    /// Returns the name of the guard that begins or ends here; 0 for all other entries.
    #[inline(always)]
    pub(crate) const fn guard_name(self) -> u32 {
        const BEGIN: u32 = (Tag::Begin as u32) << ARGUMENT_BITS | GUARDED;
        // CAST: see `ends`.
        let of_begin = if self.head == BEGIN { self.value as u32 } else { 0 };
        let of_end = if self.head & GUARD != 0 { self.head } else { 0 };
        (of_begin | of_end) & IDENTITY
    }

    /// Returns 0 if both entries are equal except for their values, and for the begins that guards'
    /// ends name.
    #[inline(always)]
    pub(crate) const fn difference(self, other: Self) -> u32 {
        // All ones for a guard's end. CAST: the sign is shifted in.
        let is_guard = (self.head as i32 >> 31) as u32;
        (self.site ^ other.site) | (self.head ^ other.head) & !(is_guard & IDENTITY)
    }

    /// Returns whether the entry describes the range that begins next, and has no other effect.
    pub(crate) const fn describes(self) -> bool {
        matches!(self.tag(), Some(Tag::Argument | Tag::More | Tag::CpuTime))
    }

    /// Returns whether this is zeroed memory that was never written.
    pub const fn is_empty(self) -> bool {
        self.head == 0
    }

    /// Returns the second number of a [`Entry::pair`].
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

    /// A1: an end names its begin, up to a wrap-around of the bits that it keeps.
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
