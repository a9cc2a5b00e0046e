//! Numbers in a call's description (FLOPs, an index), computed without overflow.
//!
//! `flops = 2 * rows * inner * cols` has the types of its operands and may overflow in them. That
//! would panic in debug builds, be silently wrong in release builds, and happen only while
//! profiling. So the attributes rewrite the arithmetic that they see to [`Count`]s, which keep
//! track of failure.

use core::fmt;
use core::ops::{Add, Div, Mul, Rem, Sub};

/// Conversion from any of Rust's number types to a number of operations or an index.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a number",
    note = "`flops` and `index` take any integer or float"
)]
pub trait IntoCount {
    /// Converts the number. Negative numbers and NaN become 0; numbers that are too large become
    /// the maximum.
    fn into_count(self) -> u64
    where
        Self: Sized,
    {
        self.operand().recorded().unwrap_or_default()
    }

    /// Returns the number as an operand.
    #[doc(hidden)]
    fn operand(self) -> Count;
}

/// Operand or result of an attribute's arithmetic.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Count {
    /// An integer.
    Whole(i128),
    /// A float.
    Float(f64),
    /// An overflow or a division by zero.
    Failed,
}

/// Converts one operand of an attribute's arithmetic.
#[doc(hidden)]
#[inline]
pub fn count(part: impl IntoCount) -> Count {
    part.operand()
}

/// Converts an integer literal in an attribute.
#[doc(hidden)]
#[inline]
pub const fn whole(literal: i128) -> Count {
    Count::Whole(literal)
}

impl Count {
    /// Returns the number to record; `None` if it could not be computed.
    pub(crate) fn recorded(self) -> Option<u64> {
        match self {
            Self::Whole(number) => u64::try_from(number.max(0)).ok(),
            // CAST: `as` saturates and turns NaN into 0, as `into_count` documents.
            Self::Float(number) => Some(number as u64),
            Self::Failed => None,
        }
    }

    #[inline]
    fn with(self, other: Self, whole: fn(i128, i128) -> Option<i128>, float: fn(f64, f64) -> f64) -> Self {
        if let (Self::Whole(one), Self::Whole(other)) = (self, other) {
            return whole(one, other).map_or(Self::Failed, Self::Whole);
        }
        let (Some(one), Some(other)) = (self.float(), other.float()) else { return Self::Failed };
        let result = float(one, other);
        if result.is_finite() { Self::Float(result) } else { Self::Failed }
    }

    fn float(self) -> Option<f64> {
        match self {
            // CAST: the other operand is a float, so the result is one, too.
            Self::Whole(number) => Some(number as f64),
            Self::Float(number) => Some(number),
            Self::Failed => None,
        }
    }
}

impl IntoCount for Count {
    fn operand(self) -> Count {
        self
    }
}

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => number.fmt(formatter),
            Self::Float(number) => number.fmt(formatter),
            Self::Failed => formatter.write_str("failed"),
        }
    }
}

macro_rules! operators {
    ($($operator:ident $method:ident $whole:ident;)+) => {$(
        impl $operator for Count {
            type Output = Self;

            #[inline]
            fn $method(self, other: Self) -> Self {
                self.with(other, i128::$whole, |one, other| one.$method(other))
            }
        }
    )+};
}

operators! {
    Add add checked_add;
    Sub sub checked_sub;
    Mul mul checked_mul;
    Div div checked_div;
    Rem rem checked_rem;
}

macro_rules! counts {
    (try: $($integer:ty),*; as: $($float:ty),*) => {
        $(impl IntoCount for $integer {
            #[inline]
            fn operand(self) -> Count {
                // CAST: every integer type with this trait fits into `i128`.
                Count::Whole(self as i128)
            }
        })*
        $(impl IntoCount for $float {
            #[inline]
            fn operand(self) -> Count {
                Count::Float(self.into())
            }
        })*
    };
}

counts!(try: u8, u16, u32, u64, usize, i8, i16, i32, i64, isize; as: f32, f64);

/// A reference counts as the number it refers to, as in arithmetic.
impl<T: IntoCount + Copy> IntoCount for &T {
    fn operand(self) -> Count {
        (*self).operand()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G10: an overflow or a division by zero is a failure, not a wrong number.
    #[test]
    fn a_computation_is_right_or_has_failed() {
        let million = || count(1_000_000_u32);
        assert_eq!((whole(2) * million() * million()).recorded(), Some(2_000_000_000_000));
        assert_eq!((million() * million() * million() * million()).recorded(), None);
        assert_eq!((million() / count(0_u8) + million()).recorded(), None);
        let borrowed = &5_i64;
        assert_eq!((count(3_u32) - count(borrowed)).recorded(), Some(0));
        assert_eq!((count(1.5_f32) * whole(4) % count(4_u8)).recorded(), Some(2));
        assert_eq!((count(1.0_f64) / count(0.0_f64)).recorded(), None);
    }
}
