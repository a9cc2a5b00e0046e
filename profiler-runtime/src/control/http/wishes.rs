//! Reads the keys of `POST /start_profile` that upstream's clients send, as `config`'s table of
//! upstream names describes.

use std::fmt::Display;

use serde_json::Value;

use super::runtime::{Field, Kind, Location, SessionWishes, Treatment, UpstreamName, nearest};

const ACTIVITIES: &str = "torch_profiler_activities";
/// Maximum length of a session's name in a request, which leaves space for a prefix and a number.
const MAX_NAME: usize = 48;

/// The settings read so far and all problems, in the order of the body.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) wishes: SessionWishes,
    pub(super) problems: Vec<String>,
}

/// Returns every key that a body may have.
pub(super) fn keys() -> impl Iterator<Item = &'static str> {
    std::iter::once("stages").chain(UpstreamName::body_keys().map(|row| row.name))
}

impl Reading {
    /// Reads one key of a body, or adds a problem.
    pub(super) fn take(&mut self, key: &str, value: &Value) {
        let Some(row) = UpstreamName::find(Location::Body, key) else { return self.problem(unknown(key)) };
        // Clients of other servers send null for values that they omit.
        if value.is_null() {
            return;
        }
        match row.treatment {
            Treatment::Refused { reason } => self.problem(format!("`{key}` is not taken here: {reason}")),
            // A setting that is switched off needs no warning.
            Treatment::Accepted { .. } if *value == Value::Bool(false) => {}
            Treatment::Accepted { warning } => self.warn(format!("`{key}` does nothing here: {warning}")),
            Treatment::Sets(ACTIVITIES) => self.set_activities(row.name, value),
            Treatment::Sets(field) => self.set(row.name, field, value),
            Treatment::Does(_) if row.name == "merge_profiles" => match value.as_bool() {
                Some(merge) => self.wishes.merge = merge,
                None => self.problem(format!("`{key}` is neither true nor false")),
            },
            Treatment::Does(_) => match (value.as_str().filter(|name| is_plain(name)), row.name) {
                (Some(name), "profile_id") => self.wishes.name = Some(name.to_owned()),
                (Some(name), _) => self.wishes.prefix = Some(name.to_owned()),
                (None, _) => self.problem(format!(
                    "`{key}` is no plain name: write 1 to {MAX_NAME} letters, digits, `.`, `_` or `-` in quotes, and no dot or \
                     dash at the beginning; it is never a path"
                )),
            },
        }
    }

    pub(super) fn problem(&mut self, problem: impl Display) {
        self.problems.push(problem.to_string());
    }

    fn warn(&mut self, warning: String) {
        self.wishes.warnings.push(warning);
    }

    /// Sets the activities. SGLang's list also has words that are no activities here; `MEM` is a
    /// field.
    fn set_activities(&mut self, key: &str, value: &Value) {
        let Value::Array(words) = value else { return self.set(key, ACTIVITIES, value) };
        let mut kept = words.clone();
        kept.retain(|word| !["MEM", "RPD", "CUDA_PROFILER"].iter().any(|other| word == other));
        if words.contains(&Value::from("MEM")) {
            self.set("MEM", "torch_profiler_with_memory", &Value::Bool(true));
        }
        for word in ["RPD", "CUDA_PROFILER"].iter().filter(|word| words.iter().any(|given| given == *word)) {
            self.warn(format!("`{word}` in `{key}` does nothing here: set `profiler` where the server is started"));
        }
        // A list of only such words does not choose what to record.
        if !kept.is_empty() || words.is_empty() {
            self.set(key, ACTIVITIES, &kept.into());
        }
    }

    fn set(&mut self, key: &str, field: &'static str, value: &Value) {
        if let Some((_, other, _)) = self.wishes.fields.iter().find(|(set, ..)| *set == field) {
            return self.problem(same(other, key));
        }
        let Some(kind) = Field::named(field).map(|field| field.kind) else { return };
        // SGLang's client sends numbers as strings.
        let number = value.as_str().filter(|_| matches!(kind, Kind::Whole { .. })).map(|text| kind.value_of(text));
        let value = number.unwrap_or_else(|| value.clone());
        let wrong = kind.check(key, &value);
        if wrong.is_empty() {
            self.wishes.fields.push((field, key.to_owned(), value));
        }
        self.problems.extend(wrong.iter().map(ToString::to_string));
    }
}

/// Returns the problem of two keys with one meaning.
pub(super) fn same(one: &str, other: &str) -> String {
    format!("`{one}` and `{other}` say the same: keep one of them")
}

/// Returns whether a name is one plain path component.
fn is_plain(name: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    (1..=MAX_NAME).contains(&name.len()) && name.chars().all(is_plain) && !name.starts_with(['.', '-'])
}

fn unknown(key: &str) -> String {
    let shown: String = key.chars().take(40).flat_map(char::escape_debug).collect();
    let of_field =
        UpstreamName::body_keys().find(|row| row.treatment == Treatment::Sets(key_of(key))).map(|row| row.name);
    let near = of_field.or_else(|| nearest(key, keys()));
    match near {
        Some(near) => format!("`{shown}` is not a field: did you mean `{near}`?"),
        None if Field::named(key).is_some() => {
            format!("`{shown}` is a field of the configuration, and of no request: set it where the server is started")
        }
        None => {
            let known: Vec<&str> = keys().collect();
            format!("`{shown}` is not a field: there are `{}`", known.join("`, `"))
        }
    }
}

/// Returns the static name of a field; empty if there is no such field.
fn key_of(key: &str) -> &'static str {
    Field::named(key).map_or("", |field| field.name)
}
