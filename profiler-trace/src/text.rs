//! Text from outside on its way into a line: a worker's error, a name, a path, a header that a
//! client has sent.
//!
//! A line end begins a forged line, an escape code recolours or clears a terminal, a bidirectional
//! control shows a text in another order than it is read in. All of them are written out as Rust
//! writes them in a literal (`\n`, `\u{1b}`).

use std::borrow::Cow;

/// Returns whether this letter does something to a terminal or a log instead of standing in it.
pub fn acts(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns the text with every letter that [`acts`] written out.
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

/// Returns a message as [`plain`] text; keeps line ends before two spaces, which our own lists have
/// in each entry.
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
