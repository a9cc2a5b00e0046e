//! Decimal formatting of integers and times.
//!
//! Half of a trace is digits, so this determines the cost of an export. Eight digits are produced
//! at a time with three multiplications and without `fmt`. A time never becomes a float, which
//! would move slices by a nanosecond and break their nesting.

/// Divisor of a group of eight digits.
const GROUP: u64 = 100_000_000;
/// Mask that turns eight digits into characters.
const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);

/// Appends `number` in decimal.
#[inline]
pub(in crate::export::trace) fn push_integer(out: &mut Vec<u8>, number: u64) {
    if number >= GROUP {
        return push_long(out, number);
    }
    let digits = eight(number);
    let zeros = leading_zeros(digits, 7);
    append(out, ((digits | ZEROS) >> (8 * zeros)).to_le_bytes(), 8 - zeros);
}

/// Appends a number with more than eight digits.
#[inline(never)]
fn push_long(out: &mut Vec<u8>, number: u64) {
    push_integer(out, number / GROUP);
    append(out, (eight(number % GROUP) | ZEROS).to_le_bytes(), 8);
}

/// Appends `number` in decimal, with its sign.
pub(in crate::export::trace) fn push_signed(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    push_integer(out, number.unsigned_abs());
}

/// Appends nanoseconds as microseconds with exactly three decimals: `48.000`.
#[inline]
pub(in crate::export::trace) fn push_micros(out: &mut Vec<u8>, ns: u64) {
    let digits = eight(ns % GROUP);
    // `12345.678`: inserts a byte for the decimal point before the last three digits.
    let (text, point) = (u128::from(digits | ZEROS), u128::from(b'.') << 40);
    let text = (text & 0xFF_FFFF_FFFF) | point | ((text >> 40) << 48);
    if ns >= GROUP {
        push_integer(out, ns / GROUP);
        append(out, text.to_le_bytes(), 9);
    } else {
        let zeros = leading_zeros(digits, 4);
        append(out, (text >> (8 * zeros)).to_le_bytes(), 9 - zeros);
    }
}

/// Returns the digits of a number below [`GROUP`], one per byte, the first digit in the lowest
/// byte.
#[inline]
const fn eight(number: u64) -> u64 {
    // Splits three times, all parts at once: into two numbers of four digits, four of two, and
    // eight of one. Division by 100 or 10 is a multiplication and a shift, which is exact for these
    // ranges.
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x7F_0000_007F;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x0F_000F_000F_000F;
    tens | ((twos - tens * 10) << 8)
}

/// Returns the number of leading zeros, at most `max`.
#[inline]
const fn leading_zeros(digits: u64, max: u32) -> usize {
    // CAST: at most eight.
    ((digits | 1 << (8 * max)).trailing_zeros() / 8) as usize
}

/// Appends the first `count` bytes of `text`.
///
/// Appends the whole array and truncates: a copy of constant length is two instructions, a copy of
/// variable length is a call.
#[inline]
fn append<const N: usize>(out: &mut Vec<u8>, text: [u8; N], count: usize) {
    let end = out.len() + count;
    out.extend_from_slice(&text);
    out.truncate(end);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(push: fn(&mut Vec<u8>, u64), number: u64) -> String {
        let mut out = Vec::new();
        push(&mut out, number);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn the_edges_are_written_as_format_writes_them() {
        let short = [0, 9, 10, 99, 100, 101, 999, 1000, 1001, 9_999, 10_000, 99_999, 100_000];
        let long = [GROUP - 1, GROUP, GROUP + 1, GROUP * GROUP - 1, GROUP * GROUP, u64::from(u32::MAX), u64::MAX];
        for number in short.into_iter().chain(long) {
            assert_eq!(text(push_integer, number), number.to_string());
            assert_eq!(text(push_micros, number), format!("{}.{:03}", number / 1000, number % 1000));
        }
    }

    proptest! {
        #[test]
        fn every_number_is_written_as_format_writes_it(number: u64, shift in 0..64u32) {
            let number = number >> shift;
            prop_assert_eq!(text(push_integer, number), number.to_string());
            prop_assert_eq!(text(push_micros, number), format!("{}.{:03}", number / 1000, number % 1000));
        }
    }
}
