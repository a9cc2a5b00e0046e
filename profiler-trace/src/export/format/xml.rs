//! Replacement of characters that XML cannot represent.
//!
//! A name may contain any character, and a single control character, U+FFFE or U+FFFF makes a whole
//! picture or workbook unreadable.

/// Returns whether XML 1.0 can represent the character. It excludes control characters except tabs
/// and line breaks.
pub(in crate::export) const fn has(letter: char) -> bool {
    !matches!(letter, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}')
}

/// Returns the character, or a replacement if XML cannot represent it.
#[cfg(any(feature = "charts", feature = "flamegraph"))]
pub(in crate::export) const fn shown(letter: char) -> char {
    if has(letter) { letter } else { char::REPLACEMENT_CHARACTER }
}

#[cfg(all(test, any(feature = "charts", feature = "flamegraph")))]
mod tests {
    use super::*;

    /// C5: no text leaves XML.
    #[test]
    fn what_xml_has_no_characters_for_is_replaced() {
        let text: String = "\u{0}\u{1b}<a>\u{fffe}\u{ffff}\u{202e}\t步".chars().map(shown).collect();
        assert_eq!(text, "\u{fffd}\u{fffd}<a>\u{fffd}\u{fffd}\u{202e}\t步");
    }
}
