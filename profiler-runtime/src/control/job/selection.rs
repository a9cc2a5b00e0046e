//! The selection of a request: the part of a job that a session covers, and other wishes of a
//! start.

use std::fmt;
use std::path::PathBuf;

use serde_json::Value;

use super::report::ControlError;
use crate::config::{Aliases, ConfigError, Draft, Folder, Parsed, ProfilerConfig};
use crate::error::Error;
use crate::session::{self, SessionId};

/// A selection of stage processes by number, and of ranges by name; empty selects everything.
///
/// A pipeline whose stages are processes of their own (thinker 0, talker 1, vocoder 2) is selected
/// by number; stages inside a process are selected by name, which may hold `*` and `?` as in the
/// configuration's `stages`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Numbers of stage processes (`PROFILER_STAGE_ID` of a worker, 0 if unset), sorted, each once.
    pub stages: Vec<u32>,
    /// Names or patterns of ranges, in place of the configuration's `stages`.
    pub names: Vec<String>,
    /// Other wishes of a start; a stop ignores them.
    pub wishes: SessionWishes,
}

impl Selection {
    /// Selects these stage processes.
    #[must_use]
    pub fn stages(stages: impl IntoIterator<Item = u32>) -> Self {
        let mut stages: Vec<u32> = stages.into_iter().collect();
        stages.sort_unstable();
        stages.dedup();
        Self { stages, ..Self::default() }
    }

    /// Returns whether it selects everything.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.stages.is_empty() && self.names.is_empty()
    }

    /// Checks whether a stop with this selection stops what was started.
    ///
    /// # Errors
    ///
    /// Fails if it selects another part of the job.
    pub(super) fn check_stops(&self, started: &Self) -> Result<(), ControlError> {
        if self.is_everything() || (&self.stages, &self.names) == (&started.stages, &started.names) {
            return Ok(());
        }
        Err(ControlError::OtherSelection { active: started.to_string(), asked: self.to_string() })
    }

    /// Returns whether a worker of this stage is selected.
    #[must_use]
    pub fn selects_stage(&self, stage: u32) -> bool {
        self.stages.is_empty() || self.stages.contains(&stage)
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stages = self.stages.iter().map(u32::to_string);
        let names = self.names.iter().map(|name| format!("`{name}`"));
        let all: Vec<String> = stages.chain(names).collect();
        if all.is_empty() { f.write_str("everything") } else { write!(f, "stages {}", all.join(", ")) }
    }
}

/// The wishes of one start: the keys in the body of `POST /start_profile` beside the stages. Empty
/// asks for nothing.
#[derive(Clone, Debug, Default, Eq)]
#[non_exhaustive]
pub struct SessionWishes {
    /// Fields of the configuration, each with the key that the client wrote and its value.
    pub(crate) fields: Vec<(&'static str, String, Value)>,
    /// Name of the session, and of its folder; one that exists already gets a number behind it.
    pub name: Option<String>,
    /// Begin of the session's name.
    pub prefix: Option<String>,
    /// True to merge the traces of all ranks when they are written.
    pub merge: bool,
    /// Sentences about what the request asks for and does not get.
    pub warnings: Vec<String>,
    /// Aliases of the selected names in the request: `stages[0]`, as they are sorted, is its
    /// `profile_stages[1]`.
    pub(crate) names: Aliases,
}

impl PartialEq for SessionWishes {
    /// Returns whether both ask for the same, at whatever places of their requests.
    fn eq(&self, other: &Self) -> bool {
        let Self { fields, name, prefix, merge, warnings, names: _ } = self;
        (fields, name, prefix, merge, warnings)
            == (&other.fields, &other.name, &other.prefix, &other.merge, &other.warnings)
    }
}

impl SessionWishes {
    /// Applies the fields to a configuration.
    ///
    /// # Errors
    ///
    /// Fails if they do not fit into it, which is the request's fault: without it the configuration
    /// is right.
    pub(super) fn lay_over(&self, parsed: ParsedConfig) -> Result<ParsedConfig, ConfigError> {
        let places = self.places();
        let mut draft = Draft::from_parsed(parsed);
        for (field, key, value) in &self.fields {
            draft.change(field, value, key);
        }
        for warning in &self.warnings {
            draft.warn("the request", warning);
        }
        let parsed = draft.finish(&|name| std::env::var_os(name)).map_err(|error| error.for_request(&places))?;
        Ok(with_aliases(parsed, places))
    }

    /// Returns the request's words for the fields that it sets and the names that it selects.
    pub(super) fn places(&self) -> Aliases {
        let fields = self.fields.iter().map(|(field, key, _)| ((*field).to_owned(), key.clone()));
        self.names.clone().into_iter().chain(fields).collect()
    }

    /// Returns whether the request asks for a name of the session.
    pub(super) fn names_session(&self) -> bool {
        self.name.is_some() || self.prefix.is_some()
    }

    /// Names a session and makes its folder, if it has one.
    ///
    /// # Errors
    ///
    /// Fails if its folder cannot be made.
    pub(super) fn reserve(&self, config: &ProfilerConfig) -> Result<(SessionId, Option<PathBuf>), Error> {
        let folder = config.folder();
        session::reserve(folder.as_ref().map(Folder::path), self.name.as_deref(), self.prefix.as_deref())
    }
}

/// Returns the configuration with its warnings in the words of the request that it comes from.
pub(super) fn with_aliases(mut parsed: Parsed, places: Aliases) -> Parsed {
    let warnings = std::mem::take(&mut parsed.warnings);
    parsed.warnings = warnings.into_iter().map(|warning| warning.with_aliases(&places)).collect();
    parsed.aliases = places;
    parsed
}
