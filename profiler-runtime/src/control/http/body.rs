//! Parses the body of start and stop: `{"stages": [0, 2, "vae.*"]}`, or nothing. A start also
//! accepts the keys that vLLM's and SGLang's clients send.
//!
//! A body becomes a selection, or a list of problems with their corrections.

use std::fmt;
use std::sync::Arc;

use axum::body::{Bytes, HttpBody};
use axum::extract::{FromRequest, Request};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::error::{Code, Rejection};
use super::runtime::{Selection, SessionWishes};
use super::slots::Slot;
use super::wishes::{self, Reading};

/// Example body for messages.
const EXAMPLE: &str = "{\"stages\": [0, \"vae.*\"]}";
/// Key for stages; below it, upstream's key with the same meaning.
const STAGES: &str = "stages";
const PROFILE_STAGES: &str = "profile_stages";
/// Maximum number of stages in a body: more than any pipeline has.
const MAX_STAGES: usize = 256;
/// Maximum length of a name in characters.
const MAX_NAME: usize = 256;

/// Reads the body within the limits and returns its selection. In the user's own server, that
/// server limits the time.
pub(super) async fn read(request: Request, limit: usize) -> Result<Selection, Rejection> {
    let too_large = || {
        let message = format!("the body has more than {limit} bytes: send only the stages, {EXAMPLE}");
        Rejection::new(Code::TooLarge, message)
    };
    // Rejected by its announced length, or while reading if it announces none.
    if request.body().size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let slot = request.extensions().get::<Arc<Slot>>().cloned();
    let bytes = Bytes::from_request(request, &());
    let bytes = match &slot {
        None => bytes.await,
        Some(slot) => tokio::time::timeout(slot.time_left(), bytes)
            .await
            .map_err(|_| Rejection::new(Code::TooSlow, "the body came too slowly: send it at once"))?,
    };
    if let Some(slot) = slot {
        slot.set_working();
    }
    let bytes = bytes.map_err(|rejected| match rejected.status() {
        status if status == Code::TooLarge.status() => too_large(),
        _ => bad("the body could not be read to its end: send it again"),
    })?;
    selection(&bytes)
}

/// Parses a body; an error contains all problems, in the body's order.
fn selection(body: &[u8]) -> Result<Selection, Rejection> {
    if body.trim_ascii().is_empty() {
        return Ok(Selection::default());
    }
    let Fields(fields) = serde_json::from_slice(body)
        .map_err(|error| bad(format!("expected a JSON object such as {EXAMPLE}, or no body at all: {error}")))?;
    let mut reading = Reading::default();
    let (mut seen, mut selected): (Vec<&str>, Option<(&str, &[Value])>) = (Vec::new(), None);
    for (key, value) in &fields {
        let is_stages = [STAGES, PROFILE_STAGES].contains(&key.as_str());
        if seen.contains(&&**key) {
            reading.problem(format!("`{key}` is given twice: put all of it into one"));
            continue;
        }
        seen.push(key);
        match value {
            Value::Null if is_stages => {}
            Value::Array(list) if is_stages => match selected {
                Some((other, _)) => reading.problem(wishes::same(other, key)),
                None => {
                    reading.problems.extend(list_problem(list, key));
                    selected = Some((key, list));
                }
            },
            _ if is_stages => reading.problem(format!("`{key}` is not a list: write it as in {EXAMPLE}")),
            value => reading.take(key, value),
        }
    }
    let Reading { wishes, mut problems } = reading;
    match problems.len() {
        0 => {}
        1 => return Err(bad(problems.remove(0))),
        count => return Err(bad(format!("the body has {count} problems:\n  {}", problems.join("\n  ")))),
    }
    let selection = selected.map(|(key, list)| select(list, key)).unwrap_or_default();
    let names = selection.wishes.names;
    Ok(Selection { wishes: SessionWishes { names, ..wishes }, ..selection })
}

/// Returns all problems of a list of stages.
fn list_problem(list: &[Value], key: &str) -> Vec<String> {
    if list.is_empty() {
        return vec![format!("`{key}` is empty: name at least one, or leave it out to select everything")];
    }
    if list.len() > MAX_STAGES {
        return vec![format!("`{key}` has more than {MAX_STAGES} entries: use patterns such as \"vae.*\"")];
    }
    let problem = |value: &Value| match value {
        Value::Number(_) if number(value).is_some() => None,
        Value::Number(_) => Some("is not the number of a stage process: 0, 1, 2, …".to_owned()),
        Value::String(name) if is_name(name) => None,
        Value::String(_) => {
            Some(format!("is not the name of a range: 1 to {MAX_NAME} characters without control characters"))
        }
        _ => Some(format!("is neither a number nor a name: write it as in {EXAMPLE}")),
    };
    let problems = list.iter().enumerate().filter_map(|(at, value)| Some((at, problem(value)?)));
    problems.map(|(at, problem)| format!("`{key}[{at}]` {problem}")).collect()
}

/// Converts a valid list to a selection. Names are sorted for comparison, so their positions in the
/// request are kept as aliases.
fn select(list: &[Value], key: &str) -> Selection {
    let mut selection = Selection::stages(list.iter().filter_map(number));
    let names = list.iter().enumerate().filter_map(|(at, value)| Some((value.as_str()?.to_owned(), at)));
    let mut names: Vec<(String, usize)> = names.collect();
    names.sort_unstable();
    names.dedup_by(|next, kept| next.0 == kept.0);
    for (to, (name, from)) in names.into_iter().enumerate() {
        selection.wishes.names.insert(format!("{STAGES}[{to}]"), format!("{key}[{from}]"));
        selection.names.push(name);
    }
    selection
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|number| u32::try_from(number).ok())
}

fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && name.chars().nth(MAX_NAME).is_none() && !name.contains(char::is_control)
}

/// The fields of a body in their order. A map would hide duplicates.
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self(Vec::new()))
    }
}

impl<'de> Visitor<'de> for Fields {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some(field) = map.next_entry()? {
            self.0.push(field);
        }
        Ok(self)
    }
}

pub(super) fn bad(message: impl Into<String>) -> Rejection {
    Rejection::new(Code::BadBody, message)
}
