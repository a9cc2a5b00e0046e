//! Secrets that authenticate workers to a coordinator on another host, and clients over HTTP.
//!
//! A token can only be compared, in constant time, and is never printed.

use std::fmt;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// A secret. An empty one matches nothing.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Token(String);

impl Token {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns whether the secret is empty.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether `offered` equals the secret. The time taken reveals at most the secret's
    /// length.
    pub(super) fn matches(&self, offered: &[u8]) -> bool {
        !self.is_empty() && bool::from(self.0.as_bytes().ct_eq(offered))
    }

    /// Returns the secret, to be sent to the other side.
    pub(super) fn reveal(&self) -> &str {
        &self.0
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
    fn only_the_whole_token_matches_and_it_is_never_shown() {
        let token = Token::new("correct horse");
        assert!(token.matches(b"correct horse"));
        for wrong in ["", "c", "correct hors", "correct horsf", "dorrect horse", "correct horse "] {
            assert!(!token.matches(wrong.as_bytes()), "{wrong}");
        }
        assert!(!Token::new("").matches(b""), "an empty one fits nothing");
        assert!(!format!("{token:?}").contains("horse"));
    }

    #[test]
    fn tokens_are_compared_in_constant_time() {
        let source = include_str!("token.rs").split("mod tests").next().unwrap_or_default();
        assert!(source.contains("ct_eq(offered)"));
        assert!(!source.contains("PartialEq") && !source.contains("=="), "no other comparison");
    }
}
