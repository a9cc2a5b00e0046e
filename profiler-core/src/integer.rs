//! Integers of any type up to 64 bits, as values of user-defined arguments.

/// An integer argument's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Integer {
    /// The number, in two's complement.
    pub bits: u64,
    /// True if the bits are those of an `i64` below 0.
    pub is_negative: bool,
}

/// Conversion from an integer type whose values fit an `i64` or a `u64`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an integer that `args(…)` can record",
    note = "`args` takes any integer of at most 64 bits, and `bool`: convert others yourself"
)]
pub trait IntoInteger {
    /// Converts the number.
    fn into_integer(self) -> Integer;
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl IntoInteger for $integer {
            #[inline]
            #[allow(unused_comparisons, clippy::cast_lossless, reason = "apply to some of the types")]
            fn into_integer(self) -> Integer {
                // CAST: sign-extends signed types.
                Integer { bits: self as u64, is_negative: self < (0 as $integer) }
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

impl IntoInteger for bool {
    #[inline]
    fn into_integer(self) -> Integer {
        u8::from(self).into_integer()
    }
}

impl<T: IntoInteger + Copy> IntoInteger for &T {
    #[inline]
    fn into_integer(self) -> Integer {
        (*self).into_integer()
    }
}

/// Converts the value of an argument.
#[doc(hidden)]
#[inline]
pub fn integer(value: impl IntoInteger) -> Integer {
    value.into_integer()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_of_any_type_keeps_its_sign() {
        let of = |bits, is_negative| Integer { bits, is_negative };
        let borrowed: &i64 = &7;
        assert_eq!([integer(7_u8), integer(borrowed), integer(true)], [of(7, false), of(7, false), of(1, false)]);
        assert_eq!([integer(u64::MAX), integer(-1_i8)], [of(u64::MAX, false), of(u64::MAX, true)]);
    }
}
