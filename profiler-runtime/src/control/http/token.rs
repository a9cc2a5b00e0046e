//! The bearer token. It can be compared in constant time only, and not be shown.

use std::fmt;

use subtle::ConstantTimeEq;

/// A secret.
#[derive(Clone)]
pub(super) struct Token(String);

impl Token {
    pub(super) const fn new(token: String) -> Self {
        Self(token)
    }

    /// Returns whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether it was offered. How long that takes tells its length at most, not how much of it was right.
    pub(super) fn is(&self, offered: &[u8]) -> bool {
        !self.is_empty() && bool::from(self.0.as_bytes().ct_eq(offered))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_fits_and_it_is_never_shown() {
        let token = Token::new("correct horse".into());
        assert!(token.is(b"correct horse"));
        for wrong in ["", "c", "correct hors", "correct horsf", "dorrect horse", "correct horse "] {
            assert!(!token.is(wrong.as_bytes()), "{wrong}");
        }
        assert!(!Token::new(String::new()).is(b""), "an empty one fits nothing");
        assert!(!format!("{token:?}").contains("horse"));
    }

    #[test]
    fn the_comparison_is_the_one_of_constant_time() {
        let source = include_str!("token.rs").split("mod tests").next().unwrap_or_default();
        assert!(source.contains("ct_eq(offered)"));
        assert!(!source.contains("PartialEq") && !source.contains("=="), "no other comparison");
    }
}
