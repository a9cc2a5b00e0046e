//! The protocol buffer encoding, as far as a trace needs it: variable-length numbers and
//! length-delimited fields.
//!
//! It is written by hand, because a generated encoder would first hold each message as a value, and
//! a trace consists of small nested messages, which are here appended to one buffer. The encoding
//! is described at <https://protobuf.dev/programming-guides/encoding/>.

/// Wire types.
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const LENGTH: u64 = 2;

/// Appends a number in groups of seven bits, the lowest first.
#[inline]
fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        // CAST: the lowest seven bits.
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    // CAST: below 128.
    out.push(number as u8);
}

#[inline]
fn push_tag(out: &mut Vec<u8>, field: u32, wire_type: u64) {
    push_varint(out, u64::from(field) << 3 | wire_type);
}

/// Appends a field with a number.
#[inline]
pub(super) fn push_number(out: &mut Vec<u8>, field: u32, number: u64) {
    push_tag(out, field, VARINT);
    push_varint(out, number);
}

/// Appends a field with a signed number; negative numbers take ten bytes.
pub(super) fn push_signed(out: &mut Vec<u8>, field: u32, number: i64) {
    push_number(out, field, number.cast_unsigned());
}

/// Appends a field with a 64-bit number.
pub(super) fn push_fixed(out: &mut Vec<u8>, field: u32, number: u64) {
    push_tag(out, field, FIXED_64);
    out.extend_from_slice(&number.to_le_bytes());
}

/// Appends a field with a float.
pub(super) fn push_float(out: &mut Vec<u8>, field: u32, number: f64) {
    push_fixed(out, field, number.to_bits());
}

/// Appends a field with text.
pub(super) fn push_text(out: &mut Vec<u8>, field: u32, text: &str) {
    push_bytes(out, field, text.as_bytes());
}

/// Appends a field with bytes: text, or an encoded message.
pub(super) fn push_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    push_tag(out, field, LENGTH);
    push_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a field with a message; `fill` appends its fields.
#[inline]
pub(super) fn push_message(out: &mut Vec<u8>, field: u32, fill: impl FnOnce(&mut Vec<u8>)) {
    push_tag(out, field, LENGTH);
    // One byte suffices for nearly all lengths.
    out.push(0);
    let start = out.len();
    fill(out);
    let length = out.len() - start;
    if length < 0x80 {
        // CAST: below 128.
        out[start - 1] = length as u8;
    } else {
        widen(out, start, length as u64);
    }
}

/// Inserts a longer length, which moves the message.
#[cold]
fn widen(out: &mut Vec<u8>, start: usize, length: u64) {
    let mut bytes = Vec::with_capacity(10);
    push_varint(&mut bytes, length);
    out.splice(start - 1..start, bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification_are_encoded_as_there() {
        let mut out = Vec::new();
        push_number(&mut out, 1, 150);
        assert_eq!(out, [0x08, 0x96, 0x01]);
        out.clear();
        push_text(&mut out, 2, "testing");
        assert_eq!(out, *b"\x12\x07testing");
        out.clear();
        push_message(&mut out, 3, |out| push_number(out, 1, 150));
        assert_eq!(out, [0x1a, 0x03, 0x08, 0x96, 0x01]);
        out.clear();
        push_signed(&mut out, 1, -2);
        assert_eq!(out, [0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
    }

    #[test]
    fn long_messages_have_long_lengths() {
        for length in [0, 127, 128, 16_383, 16_384, 3_000_000] {
            let (mut moved, mut whole) = (vec![7], vec![7]);
            push_message(&mut moved, 1, |out| out.resize(out.len() + length, b'x'));
            push_bytes(&mut whole, 1, &vec![b'x'; length]);
            assert!(moved == whole, "{length}");
        }
    }
}
