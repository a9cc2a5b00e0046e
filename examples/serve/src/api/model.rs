//! Checks the model's name in requests and names it in answers.
//!
//! Clients of other servers, and the examples in their guides, name those servers' models. This
//! server has one model, so it serves such a request with it, and says so in the answer's headers
//! and in the log. `--strict-model` rejects the request instead.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::error::ApiError;

/// Maximum number of characters of another model's name in messages.
const MAX_SHOWN: usize = 100;

/// The model that is served.
#[derive(Debug)]
pub(crate) struct Model {
    name: String,
    is_strict: bool,
}

impl Model {
    /// Creates the model; a strict one rejects requests that name another model.
    pub(crate) const fn new(name: String, is_strict: bool) -> Self {
        Self { name, is_strict }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the headers of the answer to a request that names `asked`.
    ///
    /// # Errors
    /// If the name is another model's and the server is strict.
    pub(super) fn headers(&self, asked: Option<&str>) -> Result<HeaderMap, ApiError> {
        let name = &self.name;
        let value = |text: &str| HeaderValue::try_from(text).ok();
        let mut headers: HeaderMap =
            value(name).map(|name| (HeaderName::from_static("x-model"), name)).into_iter().collect();
        let Some(other) = asked.filter(|asked| *asked != name) else { return Ok(headers) };
        let other: String = other.chars().take(MAX_SHOWN).flat_map(char::escape_default).collect();
        if self.is_strict {
            return Err(ApiError::wrong("model", format_args!("`{other}` is not served here, `{name}` is")));
        }
        let warning = format!("`{other}` is not served here: `{name}` ran instead");
        crate::warn(format_args!("{warning}"));
        headers.extend(value(&warning).map(|warning| (HeaderName::from_static("x-warning"), warning)));
        Ok(headers)
    }
}
