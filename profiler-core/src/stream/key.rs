//! The keys of arguments: the properties of a range besides its times, one row for each.
//!
//! An argument is one entry with its key and the first word of its value, and entries of two words
//! each for the rest. The recorder, the carry-over of a ring, the spool and the model's decoder
//! handle all rows alike, by the kind of their value. All come before the begin of their range. A
//! program's own keys, `args(tokens = n)`, have no row: they are numbered by their index in the
//! list of their site, which has the names.

/// Kind of an argument's value, by which its words are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// An integer: see [`Entry::number`](super::entry::Entry::number).
    Number,
    /// An input: its dtype, perhaps with a mark, then its dims.
    Shape,
    /// Strides of the input before, as signed numbers.
    Strides,
    /// A text: its length in bytes, then fifteen bytes in each pair of words.
    Text,
    /// Addresses.
    Stack,
}

/// Key of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(u16);

/// First key of a site's own arguments.
const OWN: u16 = 1 << 8;

macro_rules! keys {
    ($($(#[$about:meta])* $key:ident $name:literal $value:ident;)+) => {
        #[allow(clippy::upper_case_acronyms, non_camel_case_types, reason = "the constants' names")]
        enum Row { $($key),+ }

        impl Key {
            $($(#[$about])* pub const $key: Self = Self(Row::$key as u16);)+
        }

        const ROWS: &[(&str, Value)] = &[$(($name, Value::$value)),+];
    };
}

keys! {
    /// Floating point operations.
    FLOPS "flops" Number;
    /// The user's own index of a step.
    INDEX "index" Number;
    /// An input of an op.
    INPUT "Input Dims" Shape;
    /// Strides of an input that is not row-major.
    STRIDES "Input Strides" Strides;
    /// A request's id.
    REQUEST_ID "request_id" Text;
    /// The call stack, innermost first.
    STACK "Call stack" Stack;
}

impl Key {
    /// Returns the key of the argument at this index in its site's list.
    pub const fn own(place: u16) -> Self {
        Self(OWN + place)
    }

    /// Returns the index in its site's list.
    pub(crate) fn own_place(self) -> Option<usize> {
        self.0.checked_sub(OWN).map(usize::from)
    }

    /// Returns the name in the table.
    pub(crate) fn common_name(self) -> Option<&'static str> {
        Some(ROWS.get(usize::from(self.0))?.0)
    }

    /// Returns the kind of the value; `None` for a key that this version does not know.
    #[inline]
    pub fn value(self) -> Option<Value> {
        if self.0 >= OWN { Some(Value::Number) } else { Some(ROWS.get(usize::from(self.0))?.1) }
    }

    pub(super) const fn to_bits(self) -> u32 {
        self.0 as u32
    }

    pub(super) const fn from_bits(bits: u32) -> Self {
        // CAST: an entry has sixteen bits for the key.
        Self(bits as u16)
    }
}
