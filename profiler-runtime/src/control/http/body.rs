//! The body of start and stop: `{"stages": [0, 2, "vae.*"]}`, or nothing; of a start also the keys that vLLM's and SGLang's
//! clients send.
//!
//! Whatever comes in is a selection or a sentence that says what would be right.

use std::fmt;
use std::sync::Arc;

use axum::body::{Bytes, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::places::Place;
use super::refusal::Refusal;
use super::wishes;
use crate::control::job::Selection;

/// What a body may look like.
const EXAMPLE: &str = "{\"stages\": [0, \"vae.*\"]}";
/// The key for stages, and upstream's for the same.
const STAGES: &str = "stages";
const PROFILE_STAGES: &str = "profile_stages";
/// Stages in one body: more than any pipeline has.
const MOST: usize = 256;
/// Characters of one name.
const LONGEST: usize = 256;

/// Reads the body, within the limits, and says what it selects. In a server of the user's, the time that it takes is that
/// server's business.
pub(super) async fn read(request: Request, limit: usize) -> Result<Selection, Refusal> {
    let too_large = || {
        let message = format!("the body has more than {limit} bytes: send only the stages, {EXAMPLE}");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    };
    // Refused by its announced length; one that announces none, while it is read.
    if request.body().size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let place = request.extensions().get::<Arc<Place>>().cloned();
    let bytes = Bytes::from_request(request, &());
    let bytes = match &place {
        None => bytes.await,
        Some(place) => tokio::time::timeout(place.time_left(), bytes).await.map_err(|_| {
            Refusal::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "the body came too slowly: send it at once")
        })?,
    };
    if let Some(place) = place {
        place.works();
    }
    let bytes = bytes.map_err(|rejected| match rejected.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => bad("the body could not be read to its end: send it again"),
    })?;
    selection(&bytes)
}

/// What a body selects, and what else it asks for.
fn selection(body: &[u8]) -> Result<Selection, Refusal> {
    if body.trim_ascii().is_empty() {
        return Ok(Selection::default());
    }
    let Fields(fields) = serde_json::from_slice(body)
        .map_err(|error| bad(format!("the body is not such as {EXAMPLE}, or empty: {error}")))?;
    let mut selection = Selection::default();
    let mut seen: Vec<&str> = Vec::new();
    for (key, value) in &fields {
        let is_stages = [STAGES, PROFILE_STAGES].contains(&key.as_str());
        if is_stages && [STAGES, PROFILE_STAGES].iter().any(|other| seen.contains(other)) || seen.contains(&&**key) {
            return Err(bad(format!("`{key}` is given twice: put all of it into one")));
        }
        seen.push(key);
        match value {
            Value::Null if is_stages => {}
            Value::Array(list) if is_stages => {
                let wishes = std::mem::take(&mut selection.wishes);
                selection = Selection { wishes, ..select(list, key)? };
            }
            _ if is_stages => return Err(bad(format!("`{key}` is not a list: write it as in {EXAMPLE}"))),
            value => wishes::take(key, value, &mut selection.wishes)?,
        }
    }
    Ok(selection)
}

fn select(list: &[Value], key: &str) -> Result<Selection, Refusal> {
    if list.is_empty() {
        return Err(bad(format!("`{key}` is empty: name at least one, or leave it out to select everything")));
    }
    if list.len() > MOST {
        return Err(bad(format!("`{key}` has more than {MOST} entries: use patterns such as \"vae.*\"")));
    }
    let (mut numbers, mut names) = (Vec::new(), Vec::new());
    for (at, value) in list.iter().enumerate() {
        match value {
            Value::Number(number) => match number.as_u64().and_then(|number| u32::try_from(number).ok()) {
                Some(number) => numbers.push(number),
                None => {
                    return Err(bad(format!("`{key}[{at}]` is not the number of a stage process: 0, 1, 2, …")));
                }
            },
            Value::String(name) if is_name(name) => names.push(name.clone()),
            Value::String(_) => {
                let what = format!("is not the name of a range: 1 to {LONGEST} characters without control characters");
                return Err(bad(format!("`{key}[{at}]` {what}")));
            }
            _ => return Err(bad(format!("`{key}[{at}]` is neither a number nor a name: write it as in {EXAMPLE}"))),
        }
    }
    names.sort_unstable();
    names.dedup();
    let mut selection = Selection::stages(numbers);
    selection.names = names;
    Ok(selection)
}

fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && name.chars().nth(LONGEST).is_none() && !name.contains(char::is_control)
}

/// The fields in their order: a map would hide one that is given twice.
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}

pub(super) fn bad(message: impl Into<String>) -> Refusal {
    Refusal::bad("bad_body", message)
}
