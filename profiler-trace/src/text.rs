//! Escaping of text that the program does not control before it goes into a line of output: a
//! worker's error, a name, a path, a header that a client sent.
//!
//! A line break would start a forged line, an escape code can recolour or clear a terminal, and a
//! bidirectional control shows text in another order than it is read in. Each is written as an
//! escape of a Rust literal (`\n`, `\u{1b}`).

use std::borrow::Cow;

/// Returns whether the character controls a terminal or a log instead of being shown.
pub fn acts(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns the text with every character that [`acts`] escaped.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) {
        return text.into();
    }
    let mut line = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if acts(letter) { line.extend(letter.escape_debug()) } else { line.push(letter) }
    }
    line.into()
}

/// Returns a message as [`plain`] text. Line breaks before two spaces stay: our own lists put them
/// before each entry.
pub fn message(text: &str) -> Cow<'_, str> {
    if text.contains("\n  ") {
        return text.split("\n  ").map(plain).collect::<Vec<_>>().join("\n  ").into();
    }
    plain(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G15: text from outside stays on its line and commands nothing.
    #[test]
    fn what_acts_is_written_out_and_the_rest_stays() {
        assert_eq!(plain("a \"b\" c:\\d é 漢"), "a \"b\" c:\\d é 漢");
        assert_eq!(plain("a\nb\r\u{1b}[31m\t\0"), r"a\nb\r\u{1b}[31m\t\0");
        assert_eq!(plain("\u{9b}2J\u{202e}gnp.\u{2066}x\u{2028}"), r"\u{9b}2J\u{202e}gnp.\u{2066}x\u{2028}");
        assert_eq!(message("two problems:\n  one\r\n  two\nforged"), "two problems:\n  one\\r\n  two\\nforged");
    }
}
