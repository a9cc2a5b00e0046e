//! The replacement of `known_libraries` where no call stack can be named once its process is gone.

use serde_json::Value;

/// No notes.
#[derive(Debug, Default)]
pub(crate) struct Noted;

impl Noted {
    /// Returns `None`: there is no news.
    pub(crate) fn news(&mut self) -> Option<Value> {
        None
    }
}
