//! Escaping of text in JSON strings.
//!
//! A name may contain any UTF-8 text; it is escaped, never replaced. Kineto writes `unknown` for
//! every name with a character outside of ASCII.

/// Appends `text` in quotes.
pub(in crate::export::trace) fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut plain_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let short = match byte {
            // Perfetto 52 mistakes the quote after an escaped backslash for an escaped quote, and
            // rejects the whole file.
            b'\\' if at + 1 == text.len() => 0,
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0..0x20 => 0,
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[plain_from..at]);
        plain_from = at + 1;
        if short == 0 {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        } else {
            out.extend_from_slice(&[b'\\', short]);
        }
    }
    out.extend_from_slice(&text.as_bytes()[plain_from..]);
    out.push(b'"');
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_quote_follows_a_backslash_that_is_a_letter() {
        for (text, written) in [(r"C:\", r#""C:\u005c""#), (r"a\b", r#""a\\b""#), (r#"\""#, r#""\\\"""#)] {
            let mut out = Vec::new();
            push_string(&mut out, text);
            assert_eq!(String::from_utf8(out).unwrap(), written);
            assert_eq!(serde_json::from_str::<String>(written).unwrap(), text);
        }
    }

    proptest! {
        #[test]
        fn every_text_survives(text in any::<String>()) {
            let mut out = Vec::new();
            push_string(&mut out, &text);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }

        #[test]
        fn control_characters_survive(bytes in prop::collection::vec(0u8..0x80, 0..40)) {
            let text = String::from_utf8(bytes).unwrap();
            let mut out = Vec::new();
            push_string(&mut out, &text);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
