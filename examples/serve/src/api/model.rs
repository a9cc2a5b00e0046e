//! The model's name in requests and answers.
//!
//! Clients of other servers, and the examples in their guides, name the model of those. There is
//! one model here, so such a request is served with it, and the answer's headers and the log say
//! which one ran; `--strict-model` refuses it instead.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::refusal::Refusal;

/// Characters of a foreign name that are shown.
const SHOWN: usize = 100;

/// The model that is served.
#[derive(Debug)]
pub(crate) struct Model {
    name: String,
    is_strict: bool,
}

impl Model {
    /// A strict one serves no request that names another.
    pub(crate) const fn new(name: String, is_strict: bool) -> Self {
        Self { name, is_strict }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The headers of an answer to a request that has asked for this model.
    ///
    /// # Errors
    /// The name is another model's, and the server is strict.
    pub(super) fn headers(&self, asked: Option<&str>) -> Result<HeaderMap, Refusal> {
        let name = &self.name;
        let value = |text: &str| HeaderValue::try_from(text).ok();
        let mut headers: HeaderMap =
            value(name).map(|name| (HeaderName::from_static("x-model"), name)).into_iter().collect();
        let Some(other) = asked.filter(|asked| *asked != name) else { return Ok(headers) };
        let other: String = other.chars().take(SHOWN).flat_map(char::escape_default).collect();
        if self.is_strict {
            return Err(Refusal::wrong("model", format_args!("`{other}` is not served here, `{name}` is")));
        }
        let warning = format!("`{other}` is not served here: `{name}` ran instead");
        crate::warn(format_args!("{warning}"));
        headers.extend(value(&warning).map(|warning| (HeaderName::from_static("x-warning"), warning)));
        Ok(headers)
    }
}
