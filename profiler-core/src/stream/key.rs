//! Keys of arguments: one table row for each property of a range other than its times.
//!
//! An argument is one entry with its key and the first word of its value, followed by entries of
//! two words each. It precedes the begin of its range. The recorder, a ring's carry-over, the spool
//! and the model's decoder treat all rows alike, by the kind of their value. User-defined
//! arguments, `args(tokens = n)`, have no row: their key is an index into the list of names of
//! their site.

/// Encoding of an argument's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// An integer: see [`Entry::number`](super::entry::Entry::number).
    Number,
    /// An input: its dtype, possibly with a flag, then its dims.
    Shape,
    /// Strides of the preceding input, as signed numbers.
    Strides,
    /// A string: its length in bytes, then fifteen bytes per pair of words.
    Text,
    /// Addresses.
    Stack,
}

/// Key of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(u16);

/// First key of user-defined arguments.
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
    /// Index of a step, as the user counts it.
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
    /// Returns the key of the user-defined argument at this index in its site's list.
    pub const fn own(index: u16) -> Self {
        Self(OWN + index)
    }

    /// Returns the index of a user-defined argument in its site's list.
    pub(crate) fn own_index(self) -> Option<usize> {
        self.0.checked_sub(OWN).map(usize::from)
    }

    /// Returns the name of a key in the table.
    pub(crate) fn common_name(self) -> Option<&'static str> {
        Some(ROWS.get(usize::from(self.0))?.0)
    }

    /// Returns the encoding of the value; `None` for a key that this version does not define.
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
