//! Parses YAML events into a [`Document`].
//!
//! Only an event parser is used, not a serde library for YAML: such a library needs many more
//! crates and expands aliases, with which a few lines can exhaust memory. A configuration needs no
//! aliases, so they are refused. Plain scalars follow YAML 1.2's core schema: `true`, `null`, `1`,
//! `1.5`; `yes` is a string.

use granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, options};
use serde_json::{Map, Value};

use super::document::{Document, insert};
use super::error::Problem;

/// Maximum nesting depth. A configuration is flat; ten levels allow a clear message and keep
/// recursion far from the end of the stack.
const MAX_LEVELS: usize = 10;

/// Parses a text with one document.
pub(crate) fn parse(text: &str) -> Result<Document, Problem> {
    let parser = Parser::new_from_str_with_options(text, options! { emit_comments: false });
    let mut composer = Composer { events: parser, duplicates: Vec::new() };
    let mut value = None;
    loop {
        match composer.next()? {
            (Event::StreamEnd, _) => break,
            (Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd, _) => {}
            (_, at) if value.is_some() => {
                return Err(broken(at, "expected one document, found a second one"));
            }
            (event, at) => value = Some(composer.node(event, at, 0)?),
        }
    }
    Ok(Document { value: value.unwrap_or_default(), duplicates: composer.duplicates })
}

/// Builds values from events.
struct Composer<Events> {
    events: Events,
    duplicates: Vec<String>,
}

impl<'text, Events> Composer<Events>
where
    Events: Iterator<Item = Result<(Event<'text>, Span), ScanError>>,
{
    /// Returns the next event and its position.
    fn next(&mut self) -> Result<(Event<'text>, Marker), Problem> {
        match self.events.next() {
            None => Ok((Event::StreamEnd, Marker::default())),
            Some(Ok((event, span))) => Ok((event, span.start)),
            Some(Err(error)) => Err(broken(*error.marker(), error.info())),
        }
    }

    /// Returns the value that `event` begins.
    fn node(&mut self, event: Event<'text>, at: Marker, level: usize) -> Result<Value, Problem> {
        if level > MAX_LEVELS {
            return Err(broken(at, format!("nested deeper than {MAX_LEVELS} levels")));
        }
        match event {
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, _, Some(_))
            | Event::MappingStart(_, _, Some(_)) => Err(broken(at, "expected a plain value, found one with a tag")),
            Event::Scalar(text, ScalarStyle::Plain, _, None) => Ok(plain(&text)),
            Event::Scalar(text, ..) => Ok(Value::from(text)),
            Event::SequenceStart(..) => self.list(level),
            Event::MappingStart(..) => self.object(level),
            Event::Alias(_) => Err(broken(at, "expected a value, found an alias").suggest("write the value out")),
            other => Err(broken(at, format!("expected a value, found {other:?}"))),
        }
    }

    fn list(&mut self, level: usize) -> Result<Value, Problem> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd | Event::StreamEnd, _) => return Ok(Value::Array(items)),
                (event, at) => items.push(self.node(event, at, level + 1)?),
            }
        }
    }

    fn object(&mut self, level: usize) -> Result<Value, Problem> {
        let mut members = Map::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd | Event::StreamEnd, _) => return Ok(Value::Object(members)),
                (Event::Scalar(key, ..), _) => key.into_owned(),
                (_, at) => {
                    return Err(broken(at, "expected the name of a field, found a list or an object"));
                }
            };
            let (event, at) = self.next()?;
            let value = self.node(event, at, level + 1)?;
            insert(&mut members, &mut self.duplicates, key, value);
        }
    }
}

/// Parses an unquoted scalar by the core schema.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).unwrap_or_else(|| Value::from(text)),
    }
}

fn number(text: &str) -> Option<Value> {
    // Rust also parses `nan`, `inf` and `infinity`, which are words in YAML.
    if !text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
        return None;
    }
    let signless = text.strip_prefix('+').unwrap_or(text);
    let whole = signless.parse::<u64>().map(Value::from).or_else(|_| text.parse::<i64>().map(Value::from));
    whole.ok().or_else(|| serde_json::Number::from_f64(signless.parse().ok()?).map(Value::Number))
}

fn broken(at: Marker, message: impl std::fmt::Display) -> Problem {
    Problem::at(at.line(), at.col() + 1, format!("broken YAML: {message}"))
}
