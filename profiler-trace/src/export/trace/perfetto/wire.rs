//! Protocol buffers' encoding, as far as a trace needs it: numbers of variable length, and fields
//! with a length.
//!
//! Written by hand, because a generated encoder would hold each message as a value before its
//! bytes, and a trace is only small messages nested in each other: here they are appended to one
//! buffer. The encoding is described at <https://protobuf.dev/programming-guides/encoding/>.

/// Wire types.
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const LENGTH: u64 = 2;

/// Appends a number: seven bits a byte, the lowest first.
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

/// Appends a field with a signed number: negative ones take ten bytes.
pub(super) fn push_signed(out: &mut Vec<u8>, field: u32, number: i64) {
    push_number(out, field, number.cast_unsigned());
}

/// Appends a field with a number of eight bytes.
pub(super) fn push_fixed(out: &mut Vec<u8>, field: u32, number: u64) {
    push_tag(out, field, FIXED_64);
    out.extend_from_slice(&number.to_le_bytes());
}

/// Appends a field with a float.
pub(super) fn push_float(out: &mut Vec<u8>, field: u32, number: f64) {
    push_fixed(out, field, number.to_bits());
}

/// Appends a field with a text of any content.
pub(super) fn push_text(out: &mut Vec<u8>, field: u32, text: &str) {
    push_bytes(out, field, text.as_bytes());
}

/// Appends a field with bytes: a text or a message that is finished.
pub(super) fn push_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    push_tag(out, field, LENGTH);
    push_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a field with a message, whose fields `fill` appends.
#[inline]
pub(super) fn push_message(out: &mut Vec<u8>, field: u32, fill: impl FnOnce(&mut Vec<u8>)) {
    push_tag(out, field, LENGTH);
    // One byte is enough for nearly every length.
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

/// Makes room for a longer length, which moves the message.
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
