//! A configuration while it is being read: values so far, and everything that is wrong so far.
//!
//! Sources are laid over each other here (a file, then flags). No step stops at the first mistake;
//! [`Draft::finish`] is the one way out, so that no problem can be forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use super::choice::Profiler;
use super::document::Document;
use super::environment::{Environment, sglang_folder};
use super::error::{ConfigError, Origin, Problem, Warning};
use super::kind::found;
use super::parsed::{Origins, ParsedConfig};
use super::paths;
use super::settings::{FIELDS, Field, ProfilerConfig};
use super::upstream::{Fate, Name, PROTON_DIR, Place};

/// A configuration in the making.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(super) config: ProfilerConfig,
    origin: Origin,
    origins: Origins,
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
    /// Names of upstream's that have no effect here, and where each is written.
    accepted: Vec<(Name, String)>,
    /// Folder of a configuration for Proton.
    proton_dir: Option<PathBuf>,
    /// Fields whose value is unknown because the given value was refused: no rule may build on
    /// them.
    faulty: BTreeSet<&'static str>,
}

impl Draft {
    /// Creates an empty draft, to be filled from `origin`.
    pub(crate) fn new(origin: Origin) -> Self {
        Self { origin, ..Self::default() }
    }

    /// Creates a draft of values that a program has set itself; each is checked like one from a
    /// file.
    pub(crate) fn of(mut config: ProfilerConfig) -> Self {
        let mut draft = Self::default();
        draft.origins.extend(config.changed().map(|field| (field.name, Origin::Code)));
        for field in FIELDS {
            let value = (field.get)(&config);
            if draft.judge(field, &value, field.name) && value == "" {
                // The empty text is "not set", here as in a file.
                (field.set)(&mut config, &value);
            }
        }
        // As a whole, not value by value: a path need not survive the conversion to text.
        draft.config = config;
        draft
    }

    /// Creates a draft of a configuration that was read before, to be changed.
    pub(crate) fn again(parsed: ParsedConfig) -> Self {
        let ParsedConfig { config, warnings, origins, origin, .. } = parsed;
        Self { config, warnings, origins, ..Self::new(origin) }
    }

    /// Sets a field to a value from `place`, if it fits.
    pub(crate) fn change(&mut self, field: &str, value: &Value, place: &str) {
        if let Some(field) = Field::named(field) {
            // These warnings were about the old value.
            self.warnings.retain(|warning| warning.path != field.name);
            self.set(field, value, place, Origin::Request);
        }
    }

    /// Lays a whole document over the draft.
    pub(crate) fn absorb(&mut self, document: Document) {
        let Value::Object(members) = document.value else {
            let message = format!("expected an object such as {EXAMPLE}, found {}", found(&document.value));
            return self.fail(Problem::new("", message));
        };
        let twice = |key| Problem::new(key, "given twice").suggest("keep one of the two");
        self.problems.extend(document.duplicates.into_iter().map(twice));
        for (name, value) in &members {
            match Field::named(name) {
                Some(field) => self.set(field, value, name, self.origin.clone()),
                None => self.foreign(name, value, name),
            };
        }
    }

    /// Sets a field from text such as a flag's value; `place` is what the user wrote. False if it
    /// does not fit.
    pub(crate) fn set_text(&mut self, name: &str, text: &str, place: &str, origin: Origin) -> bool {
        match Field::named(name) {
            Some(field) => self.set(field, &field.kind.value_of(text), place, origin),
            None => self.foreign(name, &Value::from(text), place),
        }
    }

    /// Sets a field if the value fits, else notes why not.
    fn set(&mut self, field: &'static Field, value: &Value, place: &str, origin: Origin) -> bool {
        let known = value.as_str().and_then(|value| Name::of_value(field.name, value));
        if let Some(row) = known {
            self.accept(row, place);
            let torch = Value::from(Profiler::Torch.as_str());
            return self.set(field, &torch, place, origin);
        }
        if !self.judge(field, value, place) {
            return false;
        }
        if !(field.set)(&mut self.config, value) {
            self.problem(field.kind.refusal(place, value));
            return false;
        }
        self.faulty.remove(field.name);
        self.origins.insert(field.name, origin);
        true
    }

    /// Sets fields whose values are right by construction, such as a preset's.
    pub(crate) fn preset(&mut self, names: &[&'static str], origin: &Origin, change: impl FnOnce(&mut ProfilerConfig)) {
        change(&mut self.config);
        self.faulty.retain(|name| !names.contains(name));
        self.origins.extend(names.iter().map(|name| (*name, origin.clone())));
    }

    /// Notes a problem that leaves the rest of the draft readable.
    pub(crate) fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Notes a problem with its remedy.
    pub(super) fn refuse(&mut self, place: &str, message: impl Into<String>, remedy: &str) {
        self.problem(Problem::new(place, message).suggest(remedy));
    }

    /// Returns whether the values of these fields are what the user wanted.
    pub(super) fn knows(&self, names: &[&str]) -> bool {
        !names.iter().any(|name| self.faulty.contains(name))
    }

    /// Notes a problem after which nothing of the source is known, so that no rule speaks about its
    /// fields.
    pub(crate) fn fail(&mut self, problem: Problem) {
        self.problems.push(problem);
        self.faulty.extend(FIELDS.iter().map(|field| field.name));
    }

    /// Notes something valid that has no effect.
    pub(crate) fn warn(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.warnings.push(Warning { path: path.into(), message: message.into() });
    }

    /// Returns the configuration, with every warning; or every problem.
    pub(crate) fn finish(mut self, env: Environment<'_>) -> Result<ParsedConfig, ConfigError> {
        self.use_foreign_dir(env);
        self.warn_of_accepted();
        self.apply_rules();
        self.resolve_paths(env);
        let Self { config, mut warnings, origins, origin, .. } = self.checked()?;
        // A draft that is finished again is judged again.
        let mut seen = BTreeSet::new();
        warnings.retain(|warning| seen.insert(warning.to_string()));
        Ok(ParsedConfig { config, warnings, origins, origin, places: BTreeMap::new() })
    }

    /// Makes paths absolute, and sets the two names of a `torch` session's folder to the same
    /// value.
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

    /// Returns the draft, or the problems so far, without asking whether the fields make sense
    /// together.
    pub(super) fn checked(self) -> Result<Self, ConfigError> {
        let Self { problems, origin, .. } = self;
        if problems.is_empty() { Ok(Self { problems, origin, ..self }) } else { Err(ConfigError { problems, origin }) }
    }

    fn judge(&mut self, field: &'static Field, value: &Value, place: &str) -> bool {
        let problems = field.kind.check(place, value);
        let right = problems.is_empty();
        if !right {
            self.faulty.insert(field.name);
        }
        self.problems.extend(problems);
        right
    }

    /// Takes a name that is no field: one of upstream's, else a mistake.
    fn foreign(&mut self, name: &str, value: &Value, place: &str) -> bool {
        match Name::find(Place::Field, name) {
            Some(row) if row.name == PROTON_DIR => {
                let folder = value.as_str().filter(|folder| !folder.is_empty());
                self.proton_dir = folder.map(PathBuf::from);
            }
            Some(row) => self.accept(row, place),
            None => {
                self.problem(Problem::new(place, "unknown field").did_you_mean(Name::nearest_field(name)));
                return false;
            }
        }
        true
    }

    /// Warns once for each reason why names have no effect here.
    fn warn_of_accepted(&mut self) {
        let mut accepted = std::mem::take(&mut self.accepted);
        while let Some((first, _)) = accepted.first() {
            let fate = first.fate;
            let (alike, others): (Vec<_>, Vec<_>) = accepted.into_iter().partition(|(row, _)| row.fate == fate);
            accepted = others;
            let Fate::Accepted { warning } = fate else { continue };
            let places: Vec<&str> = alike.iter().map(|(_, place)| place.as_str()).collect();
            let names: Vec<String> = alike.iter().map(|(row, _)| format!("`{}`", row.name)).collect();
            let verb = if names.len() == 1 { "does" } else { "do" };
            self.warn(places.join(", "), format!("{} {verb} nothing here: {warning}", names.join(", ")));
        }
    }

    /// Takes Proton's folder, or that of SGLang's variables, where a `torch` session has no other.
    fn use_foreign_dir(&mut self, env: Environment<'_>) {
        const FIELD: &str = "torch_profiler_dir";
        let config = &self.config;
        let has_none = config.torch_profiler_dir.is_none() && config.output_dir.is_none();
        if config.profiler != Profiler::Torch || !has_none || !self.knows(&[FIELD, "output_dir"]) {
            return;
        }
        if let Some(folder) = self.proton_dir.take() {
            self.config.torch_profiler_dir = Some(folder);
        } else if let Some((name, folder)) = sglang_folder(env) {
            self.preset(&[FIELD], &Origin::Variable(name), |config| config.torch_profiler_dir = Some(folder.into()));
        }
    }

    /// Takes a name of upstream's that has no effect here.
    pub(crate) fn accept(&mut self, row: Name, place: &str) {
        self.accepted.push((row, place.to_owned()));
    }
}

/// The smallest configuration worth showing.
const EXAMPLE: &str = r#"{"profiler": "torch", "torch_profiler_dir": "./perf"}"#;
