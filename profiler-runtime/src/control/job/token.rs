//! The secret that workers show to a coordinator on another host.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::address::LinkError;

/// The variable with the token itself, for workers.
pub(super) const VARIABLE: &str = "PROFILER_COORDINATOR_TOKEN";
/// The variable with the path of a file that holds it.
const FILE: &str = "PROFILER_COORDINATOR_TOKEN_FILE";

/// A secret: never shown, compared in a time that does not depend on where it differs.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Token(String);

impl Token {
    /// `None` for the empty one, which would be no secret.
    pub(super) fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        (!text.is_empty()).then_some(Self(text))
    }

    /// What the environment gives, white space around it left out.
    ///
    /// # Errors
    ///
    /// It names a file that cannot be read.
    pub(super) fn from_env(env: impl Fn(&str) -> Option<OsString>) -> Result<Option<Self>, LinkError> {
        if let Some(text) = env(VARIABLE) {
            return Ok(Self::new(text.to_string_lossy().trim()));
        }
        let Some(path) = env(FILE).filter(|path| !path.is_empty()).map(PathBuf::from) else { return Ok(None) };
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Self::new(text.trim())),
            Err(source) => Err(LinkError::TokenFile { path, source: Arc::new(source) }),
        }
    }

    /// Returns whether `shown` is the same.
    pub(super) fn is(&self, shown: &Self) -> bool {
        self.0.as_bytes().ct_eq(shown.0.as_bytes()).into()
    }

    /// For the environment of a worker.
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
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_or_not_and_never_shown() {
        let token = Token::new("secret").unwrap();
        assert!(token.is(&Token::new("secret").unwrap()));
        for other in ["secre", "secrets", "Secret"] {
            assert!(!token.is(&Token::new(other).unwrap()));
        }
        assert!(Token::new("").is_none());
        assert!(!format!("{token:?}").contains("secret"));
    }

    #[test]
    fn it_comes_from_a_variable_or_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "from file\n").unwrap();
        let of =
            |name: &'static str, value: OsString| Token::from_env(move |asked| (asked == name).then(|| value.clone()));
        assert_eq!(of(VARIABLE, "given".into()).unwrap().unwrap().reveal(), "given");
        assert_eq!(of(FILE, file.path().into()).unwrap().unwrap().reveal(), "from file");
        assert!(of("OTHER", "x".into()).unwrap().is_none());
        assert!(matches!(of(FILE, "/nowhere/at/all".into()), Err(LinkError::TokenFile { .. })));
    }
}
