//! Checks the type and range of one field's value, and describes mistakes.
//!
//! A kind looks at a single value; `rules` checks fields against each other.

use serde_json::Value;

use super::error::Problem;
use super::pattern::nearest;

/// Maximum delay or duration in seconds: about 31 years, far less than a `Duration` can hold.
const MAX_SECONDS: f64 = 1e9;

/// Largest number that a message shows digit by digit.
const MAX_SHOWN: f64 = u64::MAX as f64 - 1.0;

/// Maximum length of a quoted text, in characters.
const MAX_QUOTED: usize = 40;

/// The type and range of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// One of these words; null means `none`, if that is one of them.
    Choice(&'static [&'static str]),
    /// true or false.
    Flag,
    /// A whole number; both bounds are included.
    Whole { min: u64, max: u64 },
    /// Seconds, from 0.
    Seconds,
    /// Text; null or empty means "not set", if the field can be unset.
    Text,
    /// A path or URI; null or empty means "not set".
    Path,
    /// A list of texts, none of them empty.
    Texts,
    /// A list of some of these words; null means "not set".
    Words(&'static [&'static str]),
    /// An object whose values are some of these words.
    Table(&'static [&'static str]),
}

impl Kind {
    /// Returns the kind of a whole number with these bounds.
    pub(crate) const fn within(self, min: u64, max: u64) -> Self {
        Self::Whole { min, max }
    }

    /// Describes valid values, for `expected …` and `explain`.
    pub(crate) fn expects(self) -> String {
        match self {
            Self::Choice(words) => list(words),
            Self::Flag => "true or false".into(),
            Self::Whole { min, max } => format!("a whole number from {min} to {max}"),
            Self::Seconds => format!("a number of seconds from 0 to {MAX_SECONDS}"),
            Self::Text => "a string".into(),
            Self::Path => "a path, as a string".into(),
            Self::Texts => "a list of strings".into(),
            Self::Words(words) => format!("a list of {}", list(words)),
            Self::Table(words) => format!("an object whose values are {}", list(words)),
        }
    }

    /// Returns all problems of the value at `path`.
    pub(crate) fn check(self, path: &str, value: &Value) -> Vec<Problem> {
        match (self, value) {
            (Self::Texts, Value::Array(items)) => {
                items.iter().enumerate().filter_map(|(at, item)| item_problem(path, at, item)).collect()
            }
            (Self::Words(words), Value::Array(items)) => {
                let word = Self::Choice(words);
                let wrong = items.iter().enumerate().filter(|(_, item)| !item.is_string() || !word.accepts(item));
                wrong.map(|(at, item)| word.mismatch(&format!("{path}[{at}]"), item)).collect()
            }
            (Self::Table(words), Value::Object(rows)) => {
                let word = Self::Choice(words);
                let wrong = rows.iter().filter(|(_, value)| !value.is_string() || !word.accepts(value));
                wrong.map(|(key, value)| word.mismatch(&format!("{path}.{key}"), value)).collect()
            }
            (Self::Text | Self::Path, Value::String(text)) if text.contains('\0') => vec![nul(path)],
            _ if self.accepts(value) => Vec::new(),
            _ => vec![self.mismatch(path, value)],
        }
    }

    /// Returns the problem that a value does not fit this kind.
    pub(crate) fn mismatch(self, path: &str, value: &Value) -> Problem {
        let problem = Problem::new(path, format!("expected {}, found {}", self.expects(), describe(value)));
        Problem { suggestion: self.suggest(value), ..problem }
    }

    /// Converts text from a command line to a value. Text that does not fit stays a string, which
    /// `check` then refuses.
    pub(crate) fn value_of(self, text: &str) -> Value {
        let trimmed = text.trim();
        let fitting = match self {
            Self::Flag => boolean(trimmed).map(Value::Bool),
            Self::Whole { .. } => serde_json::from_str(trimmed).ok().filter(Value::is_number),
            Self::Seconds => trimmed.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Value::Number),
            Self::Texts | Self::Words(_) if trimmed.starts_with('[') => serde_json::from_str(trimmed).ok(),
            Self::Texts | Self::Words(_) => {
                Some(trimmed.split(',').map(str::trim).filter(|name| !name.is_empty()).collect())
            }
            Self::Table(_) if trimmed.starts_with('{') => serde_json::from_str(trimmed).ok(),
            Self::Table(_) => table(trimmed),
            Self::Choice(_) | Self::Text | Self::Path => None,
        };
        fitting.unwrap_or_else(|| Value::from(text))
    }

    fn accepts(self, value: &Value) -> bool {
        match self {
            Self::Choice(words) => {
                value.as_str().or(value.is_null().then_some("none")).is_some_and(|word| words.contains(&word))
            }
            Self::Flag => value.is_boolean(),
            Self::Whole { min, max } => value.as_u64().is_some_and(|number| (min..=max).contains(&number)),
            Self::Seconds => value.as_f64().is_some_and(|number| (0.0..=MAX_SECONDS).contains(&number)),
            Self::Text | Self::Path => value.is_null() || value.is_string(),
            Self::Texts => value.is_array(),
            Self::Words(_) => value.is_array() || value.is_null(),
            Self::Table(_) => value.is_object(),
        }
    }

    /// Suggests what the author of an invalid value probably meant.
    fn suggest(self, value: &Value) -> Option<String> {
        let text = value.as_str();
        let unquoted = match self {
            Self::Choice(words) => {
                return nearest(text?, words.iter().copied()).map(|word| format!("did you mean `{word}`?"));
            }
            Self::Texts | Self::Words(_) => return Some(format!("write [{}]", Value::from(text?))),
            Self::Text | Self::Path | Self::Table(_) => return None,
            Self::Flag => boolean(text.unwrap_or(&value.to_string()))?.to_string(),
            Self::Whole { .. } => text?.trim().parse::<u64>().ok()?.to_string(),
            Self::Seconds => text?.trim().parse().ok().filter(|number: &f64| number.is_finite())?.to_string(),
        };
        Some(format!("write {unquoted}, without quotes"))
    }
}

/// Parses `key=word` pairs between commas.
fn table(text: &str) -> Option<Value> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.rsplit_once('=').map(|(key, word)| (key.trim().to_owned(), word.trim().into())));
    pairs.collect::<Option<_>>().map(Value::Object)
}

/// Lists words as a sentence does: `"a", "b" or "c"`.
fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => quoted.concat(),
    }
}

fn item_problem(path: &str, at: usize, item: &Value) -> Option<Problem> {
    let path = format!("{path}[{at}]");
    match item.as_str() {
        None => Some(Problem::new(path, format!("expected a string, found {}", describe(item)))),
        Some("") => {
            Some(Problem::new(path, "an empty string matches nothing").suggest("write a name, or leave it out"))
        }
        Some(text) => text.contains('\0').then(|| nul(&path)),
    }
}

fn nul(path: &str) -> Problem {
    Problem::new(path, "expected text without the NUL character, found one")
}

/// Parses the common words for true and false.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// Describes a value for a message: shortened, and with its type where that matters.
pub(crate) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(on) => on.to_string(),
        // Its digits are lost: it would be shown as `1e+20`.
        Value::Number(number) if number.is_f64() && number.as_f64().is_some_and(|number| number > MAX_SHOWN) => {
            format!("a number above {}", u64::MAX)
        }
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.chars().count() > MAX_QUOTED => {
            let start: String = text.chars().take(MAX_QUOTED).collect();
            format!("the string {start:?}… of {} bytes", text.len())
        }
        Value::String(text) => format!("the string {text:?}"),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "an object".into(),
    }
}
