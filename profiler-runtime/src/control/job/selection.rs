//! The selection of a request: the part of a job that a session covers, and other settings of a
//! start.

use std::fmt;
use std::path::PathBuf;

use serde_json::Value;

use super::report::ControlError;
use crate::config::{Aliases, ConfigError, Draft, Folder, ParsedConfig, ProfilerConfig};
use crate::error::Error;
use crate::session::{self, SessionId};

/// A selection of stage processes by number and of ranges by name. An empty selection selects
/// everything.
///
/// A pipeline whose stages are separate processes (thinker 0, talker 1, vocoder 2) is selected by
/// number. Stages inside a process are selected by name, with the patterns `*` and `?` as in the
/// configuration's `stages`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Selection {
    /// Sorted numbers of stage processes (a worker's `PROFILER_STAGE_ID`, 0 if unset), each once.
    pub stages: Vec<u32>,
    /// Names or patterns of ranges, in place of the configuration's `stages`.
    pub names: Vec<String>,
    /// Other settings of a start; a stop ignores them.
    pub wishes: SessionWishes,
}

impl Selection {
    /// Creates a selection of stage processes.
    #[must_use]
    pub fn stages(stages: impl IntoIterator<Item = u32>) -> Self {
        let mut stages: Vec<u32> = stages.into_iter().collect();
        stages.sort_unstable();
        stages.dedup();
        Self { stages, ..Self::default() }
    }

    /// Selects, in the same stage processes, ranges by name: see [`names`](Self::names).
    #[must_use]
    pub fn named(self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { names: names.into_iter().map(Into::into).collect(), ..self }
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
    /// Returns an error if it selects another part of the job.
    pub(super) fn check_stops(&self, started: &Self) -> Result<(), ControlError> {
        if self.is_everything() || (&self.stages, &self.names) == (&started.stages, &started.names) {
            return Ok(());
        }
        Err(ControlError::OtherSelection { active: started.to_string(), asked: self.to_string() })
    }

    /// Returns whether workers of this stage are selected.
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

/// The settings of one start: the keys in the body of `POST /start_profile` other than the stages.
/// Empty by default.
#[derive(Clone, Debug, Default, Eq)]
#[non_exhaustive]
pub struct SessionWishes {
    /// Fields of the configuration, each with the key that the client wrote and its value.
    pub(crate) fields: Vec<(&'static str, String, Value)>,
    /// Name of the session and of its folder; a number is appended if the name exists.
    pub name: Option<String>,
    /// Begin of the session's name.
    pub prefix: Option<String>,
    /// True to merge the traces of all ranks once they are written.
    pub merge: bool,
    /// Warnings about settings of the request without an effect.
    pub warnings: Vec<String>,
    /// Positions of the selected names in the request: `stages[0]`, which is sorted, may be
    /// `profile_stages[1]` there.
    pub(crate) names: Aliases,
}

impl PartialEq for SessionWishes {
    /// Returns whether both have the same settings, at any position in their requests.
    fn eq(&self, other: &Self) -> bool {
        let Self { fields, name, prefix, merge, warnings, names: _ } = self;
        (fields, name, prefix, merge, warnings)
            == (&other.fields, &other.name, &other.prefix, &other.merge, &other.warnings)
    }
}

impl SessionWishes {
    /// Applies the settings to a configuration.
    ///
    /// # Errors
    ///
    /// Returns an error if they do not fit. That is the request's fault, because the configuration
    /// itself is valid.
    pub(super) fn apply(&self, parsed: ParsedConfig) -> Result<ParsedConfig, ConfigError> {
        let aliases = self.aliases();
        let mut draft = Draft::from_parsed(parsed);
        for (field, key, value) in &self.fields {
            draft.change(field, value, key);
        }
        for warning in &self.warnings {
            draft.warn("the request", warning);
        }
        let parsed = draft.finish(&|name| std::env::var_os(name)).map_err(|error| error.for_request(&aliases))?;
        Ok(with_aliases(parsed, aliases))
    }

    /// Returns the request's names for the fields that it sets and the names that it selects.
    pub(super) fn aliases(&self) -> Aliases {
        let fields = self.fields.iter().map(|(field, key, _)| ((*field).to_owned(), key.clone()));
        self.names.clone().into_iter().chain(fields).collect()
    }

    /// Returns whether the request chooses the session's name.
    pub(super) fn names_session(&self) -> bool {
        self.name.is_some() || self.prefix.is_some()
    }

    /// Names a session and creates its folder, if it has one.
    ///
    /// # Errors
    ///
    /// Returns an error if its folder cannot be created.
    pub(super) fn reserve(&self, config: &ProfilerConfig) -> Result<(SessionId, Option<PathBuf>), Error> {
        let folder = config.folder();
        session::reserve(folder.as_ref().map(Folder::path), self.name.as_deref(), self.prefix.as_deref())
    }
}

/// Returns the configuration with its warnings in the words of the request.
pub(super) fn with_aliases(mut parsed: ParsedConfig, aliases: Aliases) -> ParsedConfig {
    let warnings = std::mem::take(&mut parsed.warnings);
    parsed.warnings = warnings.into_iter().map(|warning| warning.with_aliases(&aliases)).collect();
    parsed.aliases = aliases;
    parsed
}
