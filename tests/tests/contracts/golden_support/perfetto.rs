//! Perfetto traces as text, without a schema: a packet is a line of fields, by their numbers.
//!
//! Bytes are shown as text unless they contain a control character and parse as a message. A wrong
//! guess does no harm, because no byte is left out.

use std::fmt::Write;

/// Returns the packets of a trace, one for each line.
pub(crate) fn text(trace: &[u8]) -> String {
    let fields = fields(trace).expect("a trace is a message");
    fields.iter().map(|(number, value)| format!("{number} {}\n", shown(value))).collect()
}

enum Value<'a> {
    Varint(u64),
    Fixed(u64, usize),
    Bytes(&'a [u8]),
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for place in 0..10 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

/// Returns the fields of a message in the order of the file, or `None` if the bytes are no message.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Value<'_>)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let fixed = |taken: &[u8]| taken.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
        let value = match key & 7 {
            0 => Value::Varint(varint(&mut bytes)?),
            1 => Value::Fixed(fixed(take(&mut bytes, 8)?), 8),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                Value::Bytes(take(&mut bytes, length)?)
            }
            5 => Value::Fixed(fixed(take(&mut bytes, 4)?), 4),
            _ => return None,
        };
        found.push((key >> 3, value));
    }
    found.iter().all(|(number, _)| *number > 0).then_some(found)
}

fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Varint(number) => number.to_string(),
        Value::Fixed(bits, length) => format!("0x{bits:0width$x}", width = length * 2),
        Value::Bytes(bytes) => message(bytes).unwrap_or_else(|| format!("{:?}", String::from_utf8_lossy(bytes))),
    }
}

fn message(bytes: &[u8]) -> Option<String> {
    if std::str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(char::is_control)) {
        return None;
    }
    let mut text = String::from("{");
    for (place, (number, value)) in fields(bytes)?.iter().enumerate() {
        let _ = write!(text, "{}{number}:{}", if place > 0 { " " } else { "" }, shown(value));
    }
    Some(text + "}")
}
