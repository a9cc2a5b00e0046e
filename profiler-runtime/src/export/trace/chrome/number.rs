//! Numbers as text, from integers only.
//!
//! Half of what a trace holds is digits, so they decide what its export costs: two digits a division, no `fmt`, and a time
//! never becomes a float, which would move slices by a nanosecond and break their nesting.

/// `00` to `99`.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < pairs.len() {
        // CAST: below 100.
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// The most digits that a number has.
const MOST: usize = 20;

/// Appends `number` in decimal.
///
/// All of the digits' room is appended and the rest cut off again: a copy of a constant length is two instructions, one of
/// any length a call.
#[inline]
pub(in crate::export::trace) fn push_integer(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; MOST];
    let count = number.checked_ilog10().map_or(1, |log| log as usize + 1);
    let mut at = count;
    while number >= 100 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&pair(number % 100));
        number /= 100;
    }
    if number >= 10 {
        digits[..2].copy_from_slice(&pair(number));
    } else {
        digits[0] = pair(number)[1];
    }
    let end = out.len() + count;
    out.extend_from_slice(&digits);
    out.truncate(end);
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
    push_integer(out, ns / 1000);
    let (hundreds, rest) = (ns % 1000 / 100, pair(ns % 100));
    out.extend_from_slice(&[b'.', pair(hundreds)[1], rest[0], rest[1]]);
}

#[inline]
const fn pair(below_100: u64) -> [u8; 2] {
    // CAST: an index below 100.
    PAIRS[below_100 as usize]
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
        for number in [0, 9, 10, 99, 100, 101, 999, 1000, 1001, u64::from(u32::MAX), u64::MAX] {
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
