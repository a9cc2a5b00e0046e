//! Integers of at most 64 bits, of any type: the values of a program's own arguments.

/// Value of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Integer {
    /// The number, in two's complement.
    pub bits: u64,
    /// True if the bits are those of an `i64` below 0.
    pub is_negative: bool,
}

/// An integer type whose values all fit an `i64` or a `u64`.
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
            #[allow(unused_comparisons, clippy::cast_lossless, reason = "of some types only")]
            fn into_integer(self) -> Integer {
                // CAST: extends the sign, if there is one.
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
