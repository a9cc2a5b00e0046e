//! A configuration while it is being read: the values and problems so far.
//!
//! Several sources are merged here (a file, then flags). Reading does not stop at the first
//! mistake. [`Draft::finish`] is the only way out, so that no problem can be forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use super::choice::Profiler;
use super::document::Document;
use super::environment::{Environment, sglang_folder};
use super::error::{ConfigError, Origin, Problem, Warning};
use super::kind::describe;
use super::parsed::{Origins, ParsedConfig};
use super::paths;
use super::settings::{FIELDS, Field, ProfilerConfig};
use super::upstream::{Location, PROTON_DIR, Treatment, UpstreamName};

/// An unfinished configuration.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(super) config: ProfilerConfig,
    origin: Origin,
    origins: Origins,
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
    /// Upstream names without an effect here, each with the key where it is written.
    accepted: Vec<(UpstreamName, String)>,
    /// Output folder of a configuration for Proton.
    proton_dir: Option<PathBuf>,
    /// Fields whose value is unknown, because the given one was invalid. Rules ignore them.
    faulty: BTreeSet<&'static str>,
}

impl Draft {
    /// Creates an empty draft, to be filled from `origin`.
    pub(crate) fn new(origin: Origin) -> Self {
        Self { origin, ..Self::default() }
    }

    /// Creates a draft from values that a program has set. Each is checked like a value from a
    /// file.
    pub(crate) fn from_config(mut config: ProfilerConfig) -> Self {
        let mut draft = Self::default();
        draft.origins.extend(config.changed().map(|field| (field.name, Origin::Code)));
        for field in FIELDS {
            let value = (field.get)(&config);
            if draft.check(field, &value, field.name) && value == "" {
                // An empty text means "not set", as in a file.
                (field.set)(&mut config, &value);
            }
        }
        // Copied as a whole: a path may not survive the conversion to text and back.
        draft.config = config;
        draft
    }

    /// Creates a draft for changing a configuration that was read before.
    pub(crate) fn from_parsed(parsed: ParsedConfig) -> Self {
        let ParsedConfig { config, warnings, origins, origin, .. } = parsed;
        Self { config, warnings, origins, ..Self::new(origin) }
    }

    /// Sets a field to a value given under `key`, if it fits.
    pub(crate) fn change(&mut self, field: &str, value: &Value, key: &str) {
        if let Some(field) = Field::named(field) {
            // The old value's warnings no longer apply.
            self.warnings.retain(|warning| warning.path != field.name);
            self.set(field, value, key, Origin::Request);
        }
    }

    /// Sets the fields of a whole document.
    pub(crate) fn apply(&mut self, document: Document) {
        let Value::Object(members) = document.value else {
            let message = format!("expected an object such as {EXAMPLE}, found {}", describe(&document.value));
            return self.fail(Problem::new("", message));
        };
        let duplicate = |key| Problem::new(key, "given twice").suggest("keep one of the two");
        self.problems.extend(document.duplicates.into_iter().map(duplicate));
        for (name, value) in &members {
            match Field::named(name) {
                Some(field) => self.set(field, value, name, self.origin.clone()),
                None => self.set_upstream(name, value, name),
            };
        }
    }

    /// Sets a field from text such as a flag's value, given under `key`. Returns false if it does
    /// not fit.
    pub(crate) fn set_text(&mut self, name: &str, text: &str, key: &str, origin: Origin) -> bool {
        match Field::named(name) {
            Some(field) => self.set(field, &field.kind.value_of(text), key, origin),
            None => self.set_upstream(name, &Value::from(text), key),
        }
    }

    /// Sets a field if the value fits; otherwise adds a problem.
    fn set(&mut self, field: &'static Field, value: &Value, key: &str, origin: Origin) -> bool {
        let known = value.as_str().and_then(|value| UpstreamName::find_value(field.name, value));
        if let Some(row) = known {
            self.accept(row, key);
            let torch = Value::from(Profiler::Torch.as_str());
            return self.set(field, &torch, key, origin);
        }
        if !self.check(field, value, key) {
            return false;
        }
        if !(field.set)(&mut self.config, value) {
            self.add_problem(field.kind.mismatch(key, value));
            return false;
        }
        self.faulty.remove(field.name);
        self.origins.insert(field.name, origin);
        true
    }

    /// Sets fields to values that are known to be valid, such as a preset's.
    pub(crate) fn preset(&mut self, names: &[&'static str], origin: &Origin, change: impl FnOnce(&mut ProfilerConfig)) {
        change(&mut self.config);
        self.faulty.retain(|name| !names.contains(name));
        self.origins.extend(names.iter().map(|name| (*name, origin.clone())));
    }

    /// Adds a problem. The other fields stay usable.
    pub(crate) fn add_problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Adds a problem with its remedy.
    pub(super) fn refuse(&mut self, key: &str, message: impl Into<String>, remedy: &str) {
        self.add_problem(Problem::new(key, message).suggest(remedy));
    }

    /// Returns whether the values of all these fields were read without a problem.
    pub(super) fn are_known(&self, names: &[&str]) -> bool {
        !names.iter().any(|name| self.faulty.contains(name))
    }

    /// Adds a problem with a whole source. Marks every field as unknown, so that no rule applies.
    pub(crate) fn fail(&mut self, problem: Problem) {
        self.problems.push(problem);
        self.faulty.extend(FIELDS.iter().map(|field| field.name));
    }

    /// Adds a warning about a valid setting without an effect.
    pub(crate) fn warn(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.warnings.push(Warning { path: path.into(), message: message.into() });
    }

    /// Returns the configuration with all warnings, or all problems.
    pub(crate) fn finish(mut self, env: Environment<'_>) -> Result<ParsedConfig, ConfigError> {
        self.use_upstream_dir(env);
        self.warn_about_accepted();
        self.apply_rules();
        self.resolve_paths(env);
        let Self { config, mut warnings, origins, origin, .. } = self.checked()?;
        // A draft that is finished twice repeats its warnings.
        let mut seen = BTreeSet::new();
        warnings.retain(|warning| seen.insert(warning.to_string()));
        Ok(ParsedConfig { config, warnings, origins, origin, aliases: BTreeMap::new() })
    }

    /// Makes paths absolute, and gives both names of a `torch` session's folder the same value.
    fn resolve_paths(&mut self, env: Environment<'_>) {
        for field in FIELDS {
            let Some(path) = (field.path)(&mut self.config) else { continue };
            match paths::resolve(field.name, path, env) {
                Ok(absolute) => *path = absolute,
                Err(problem) => self.problems.push(problem),
            }
        }
        let ProfilerConfig { profiler, torch_profiler_dir, output_dir, .. } = &mut self.config;
        if *profiler != Profiler::Torch {
            return;
        }
        match (torch_profiler_dir, output_dir) {
            (unset @ None, Some(folder)) => *unset = Some(folder.clone()),
            (Some(folder), Some(other)) if folder != other => {
                let message = format!("is another folder than `torch_profiler_dir`, {}", folder.display());
                self.refuse("output_dir", message, "keep one of the two");
            }
            _ => {}
        }
    }

    /// Returns the draft, or its problems, without checking fields against each other.
    pub(super) fn checked(self) -> Result<Self, ConfigError> {
        let Self { problems, origin, .. } = self;
        if problems.is_empty() { Ok(Self { problems, origin, ..self }) } else { Err(ConfigError { problems, origin }) }
    }

    fn check(&mut self, field: &'static Field, value: &Value, key: &str) -> bool {
        let problems = field.kind.check(key, value);
        let is_valid = problems.is_empty();
        if !is_valid {
            self.faulty.insert(field.name);
        }
        self.problems.extend(problems);
        is_valid
    }

    /// Handles a name that is not a field here: one of upstream's, or a mistake.
    fn set_upstream(&mut self, name: &str, value: &Value, key: &str) -> bool {
        match UpstreamName::find(Location::Field, name) {
            Some(row) if row.name == PROTON_DIR => {
                let folder = value.as_str().filter(|folder| !folder.is_empty());
                self.proton_dir = folder.map(PathBuf::from);
            }
            Some(row) => self.accept(row, key),
            None => {
                self.add_problem(Problem::new(key, "unknown field").did_you_mean(UpstreamName::nearest_field(name)));
                return false;
            }
        }
        true
    }

    /// Adds one warning for each reason why accepted names have no effect.
    fn warn_about_accepted(&mut self) {
        let mut accepted = std::mem::take(&mut self.accepted);
        while let Some((first, _)) = accepted.first() {
            let treatment = first.treatment;
            let (alike, others): (Vec<_>, Vec<_>) =
                accepted.into_iter().partition(|(row, _)| row.treatment == treatment);
            accepted = others;
            let Treatment::Accepted { warning } = treatment else { continue };
            let places: Vec<&str> = alike.iter().map(|(_, key)| key.as_str()).collect();
            let names: Vec<String> = alike.iter().map(|(row, _)| format!("`{}`", row.name)).collect();
            let verb = if names.len() == 1 { "does" } else { "do" };
            self.warn(places.join(", "), format!("{} {verb} nothing here: {warning}", names.join(", ")));
        }
    }

    /// Uses Proton's folder, or the one in SGLang's variables, if a `torch` session has no other.
    fn use_upstream_dir(&mut self, env: Environment<'_>) {
        const FIELD: &str = "torch_profiler_dir";
        let config = &self.config;
        let has_none = config.torch_profiler_dir.is_none() && config.output_dir.is_none();
        if config.profiler != Profiler::Torch || !has_none || !self.are_known(&[FIELD, "output_dir"]) {
            return;
        }
        if let Some(folder) = self.proton_dir.take() {
            self.config.torch_profiler_dir = Some(folder);
        } else if let Some((name, folder)) = sglang_folder(env) {
            self.preset(&[FIELD], &Origin::Variable(name), |config| config.torch_profiler_dir = Some(folder.into()));
        }
    }

    /// Accepts an upstream name without an effect here, which gets a warning at the end.
    pub(crate) fn accept(&mut self, row: UpstreamName, key: &str) {
        self.accepted.push((row, key.to_owned()));
    }
}

/// A minimal configuration for messages.
const EXAMPLE: &str = r#"{"profiler": "torch", "torch_profiler_dir": "./perf"}"#;
