//! The one thing a thread buffer holds: a 16-byte entry.
//!
//! A range is two entries, its begin and its end, in the order in which the thread ran them, so that nesting needs no depth counter, a range that is still open
//! at stop is known, and the stream of a killed process can be read up to its last entry. What a begin carries besides time and site (shapes, FLOPs, a step's index, the
//! task of a poll) are entries of their own *before* it: the reader holds them until the begin of the same site arrives. `model::decode` is the reader.

/// One record: a value (clock ticks, unless the tag says otherwise) and a word of tag, argument and site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Entry {
    /// Clock ticks for `Begin`, `End`, `TaskEnd` and `StepMark`; else the payload.
    pub value: u64,
    /// `tag << 56 | argument << 32 | site`.
    pub word: u64,
}

/// What an entry means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Tag {
    /// A range begins; value: ticks.
    Begin = 1,
    /// A range ends; value: ticks.
    End = 2,
    /// The next begin or `TaskEnd` of this site belongs to the task in `value`; argument [`FIRST_POLL`] on its first poll.
    Task = 3,
    /// A task completed (argument [`COMPLETED`]) or was dropped; value: ticks.
    TaskEnd = 4,
    /// A bare `step()` call; value: ticks.
    StepMark = 5,
    /// The user's own index of the next step; value: the index.
    Index = 6,
    /// Floating point operations of the next op; value: the number.
    Flops = 7,
    /// An input of the next op; value: `dtype << 8 | number of dims`. Its dims follow as `Dims`.
    Shape = 8,
    /// Two dims of the shape before; value: the first, low 56 bits of the word: the second.
    Dims = 9,
    /// Length in bytes of a text that follows as `Text`; value: the length.
    TextLength = 10,
    /// Eight bytes of a text in `value`.
    Text = 11,
}

/// Argument of [`Tag::Task`]: the slice that follows is the task's first poll.
pub const FIRST_POLL: u32 = 1;
/// Argument of [`Tag::TaskEnd`]: the future returned `Ready`.
pub const COMPLETED: u32 = 1;

const ARGUMENT_BITS: u32 = 24;
const PAYLOAD_MASK: u64 = (1 << 56) - 1;

impl Tag {
    /// The tag with this number, if there is one.
    pub const fn from_u8(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Begin,
            2 => Self::End,
            3 => Self::Task,
            4 => Self::TaskEnd,
            5 => Self::StepMark,
            6 => Self::Index,
            7 => Self::Flops,
            8 => Self::Shape,
            9 => Self::Dims,
            10 => Self::TextLength,
            11 => Self::Text,
            _ => return None,
        })
    }

    /// The word of an entry with this tag.
    #[inline(always)]
    pub const fn word(self, argument: u32, site: u32) -> u64 {
        (self as u64) << 56 | ((argument & ((1 << ARGUMENT_BITS) - 1)) as u64) << 32 | site as u64
    }
}

impl Entry {
    /// The second dim of a [`Tag::Dims`] entry is kept where other entries have argument and site.
    pub const fn dims(first: u64, second: u64) -> Self {
        Self { value: first, word: (Tag::Dims as u64) << 56 | (second & PAYLOAD_MASK) }
    }

    /// What this entry means; `None` for a number that this version does not know.
    pub const fn tag(self) -> Option<Tag> {
        Tag::from_u8((self.word >> 56) as u8)
    }

    /// The 24-bit argument.
    pub const fn argument(self) -> u32 {
        // CAST: 24 bits are left after the mask.
        (self.word >> 32) as u32 & ((1 << ARGUMENT_BITS) - 1)
    }

    /// Number of the site (`site::by_number`), 0 where none belongs to it.
    pub const fn site(self) -> u32 {
        // CAST: the low half is the site.
        self.word as u32
    }

    /// The low 56 bits of the word: the second dim of a [`Tag::Dims`] entry.
    pub const fn second(self) -> u64 {
        self.word & PAYLOAD_MASK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_keeps_tag_argument_and_site() {
        let entry = Entry { value: 7, word: Tag::Task.word(FIRST_POLL, u32::MAX) };
        assert_eq!((entry.tag(), entry.argument(), entry.site()), (Some(Tag::Task), FIRST_POLL, u32::MAX));
        assert_eq!(Entry::dims(3, 1 << 40).second(), 1 << 40);
        for number in 0..=255u8 {
            assert!(Tag::from_u8(number).is_none_or(|tag| tag as u8 == number));
        }
    }
}
