//! Defines the id of a session and which names are valid.

use std::fmt;
use std::sync::Arc;

/// Maximum length of a name from the environment or a coordinator.
pub(crate) const MAX_LENGTH: usize = 64;

/// The id of a session: the name of its folder, and `session` in its artifacts. All ranks of a job
/// share it if the launcher sets `PROFILER_SESSION_ID`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(Arc<str>);

impl SessionId {
    pub(crate) fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// Returns the id that a coordinator has assigned, if it is a plain path component.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        is_token(name).then(|| Self::new(name))
    }

    /// Returns the id, a plain path component.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for SessionId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns whether a text is a plain path component on every system.
pub(crate) fn is_token(text: &str) -> bool {
    (1..=MAX_LENGTH).contains(&text.len()) && text.chars().all(is_plain) && !text.bytes().all(|byte| byte == b'.')
}

/// Replaces characters that are not allowed in an id with `-`.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|letter| if is_plain(letter) { letter } else { '-' }).collect()
}

fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "._-".contains(letter)
}
