//! Wishes of a request to start, beside the part of the job: fields that count for this session alone, its name, and what
//! follows it.

use serde_json::Value;

use super::report::ControlError;
use crate::config::{ConfigError, Draft, Parsed, Places};
use crate::control;
use crate::error::Error;
use crate::session::{self, SessionId};

/// Wishes of one start: what the body of `POST /start_profile` holds beside the stages. Empty asks for nothing.
#[derive(Clone, Debug, Default, Eq)]
#[non_exhaustive]
pub struct SessionWishes {
    /// Fields of the configuration, each with the key that the client wrote and its value.
    pub(crate) fields: Vec<(&'static str, String, Value)>,
    /// Name of the session, and of its folder; one that exists already gets a number behind it.
    pub name: Option<String>,
    /// Begin of the session's name.
    pub prefix: Option<String>,
    /// Merge the traces of all ranks when they are written.
    pub merge: bool,
    /// Sentences about what the request asks for and does not get.
    pub warnings: Vec<String>,
    /// Places of the selected names in the request: `stages[0]`, as they are sorted, is its `profile_stages[1]`.
    pub(crate) names: Places,
}

impl PartialEq for SessionWishes {
    /// Returns whether both ask for the same, wherever the requests have it.
    fn eq(&self, other: &Self) -> bool {
        let Self { fields, name, prefix, merge, warnings, names: _ } = self;
        (fields, name, prefix, merge, warnings)
            == (&other.fields, &other.name, &other.prefix, &other.merge, &other.warnings)
    }
}

impl SessionWishes {
    /// Lays the fields over a configuration.
    ///
    /// # Errors
    ///
    /// They do not fit into it, which is the request's fault: without it the configuration is right.
    pub(super) fn lay_over(&self, parsed: Parsed) -> Result<Parsed, ConfigError> {
        let places = self.places();
        let mut draft = Draft::again(parsed);
        for (field, key, value) in &self.fields {
            draft.change(field, value, key);
        }
        for warning in &self.warnings {
            draft.warn("the request", warning);
        }
        let mut parsed = draft.finish(&|name| std::env::var_os(name)).map_err(|error| error.of_request(&places))?;
        let warnings = std::mem::take(&mut parsed.warnings);
        parsed.warnings = warnings.into_iter().map(|warning| warning.in_words_of(&places)).collect();
        parsed.places = places;
        Ok(parsed)
    }

    /// Returns what the request calls the fields that it sets and the names that it selects.
    pub(super) fn places(&self) -> Places {
        let fields = self.fields.iter().map(|(field, key, _)| ((*field).to_owned(), key.clone()));
        self.names.clone().into_iter().chain(fields).collect()
    }

    /// Returns whether the session's name is asked for.
    pub(super) fn names_session(&self) -> bool {
        self.name.is_some() || self.prefix.is_some()
    }
}

/// Refuses a name of a request that no stage, step or op bears, if one that exists is near: it is a slip of the finger. A
/// pattern with `*` or `?` is taken as it is.
///
/// # Errors
///
/// [`ControlError::NoSuchName`].
pub(super) fn check_names(names: &[String]) -> Result<(), ControlError> {
    match control::names::first_slip(names) {
        Some((name, near)) => Err(ControlError::NoSuchName { name: name.to_owned(), near: near.to_owned() }),
        None => Ok(()),
    }
}

/// Reserves the folder of a session whose name is asked for.
///
/// # Errors
///
/// Its folder cannot be made.
pub(super) fn reserve(wishes: &SessionWishes, parsed: &Parsed) -> Result<Option<SessionId>, Error> {
    if !wishes.names_session() {
        return Ok(None);
    }
    let folder = parsed.config.folder();
    let base = folder.as_ref().map(crate::config::Folder::path);
    session::reserve(base, wishes.name.as_deref(), wishes.prefix.as_deref()).map(|(session, _)| Some(session))
}
