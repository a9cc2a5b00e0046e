//! The name of one session.

use std::fmt;
use std::sync::Arc;

/// Longest name that is accepted from the environment or from a coordinator.
pub(crate) const MAX_LENGTH: usize = 64;

/// The name of a session: of its folder, and in its artifacts the `session`. Shared by all ranks of
/// a job when the launcher sets `PROFILER_SESSION_ID`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(Arc<str>);

impl SessionId {
    pub(crate) fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// Returns the id that a coordinator has given, if it is a plain path component.
    pub(crate) fn given(name: &str) -> Option<Self> {
        is_token(name).then(|| Self::new(name))
    }

    /// Returns the name: a plain path component.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns whether a name is one plain path component everywhere.
pub(crate) fn is_token(text: &str) -> bool {
    (1..=MAX_LENGTH).contains(&text.len()) && text.chars().all(is_plain) && !text.bytes().all(|byte| byte == b'.')
}

/// Returns the text with `-` in place of characters that a token may not hold.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|letter| if is_plain(letter) { letter } else { '-' }).collect()
}

fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "._-".contains(letter)
}
