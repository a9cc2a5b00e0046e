//! The body of start and stop: `{"stages": [0, 2, "vae.*"]}`, or nothing.
//!
//! Whatever comes in is a selection or a sentence that says what would be right.

use std::fmt;
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::refusal::Refusal;
use crate::config::nearest;
use crate::control::job::Selection;

/// What a body may look like.
const EXAMPLE: &str = "{\"stages\": [0, \"vae.*\"]}";
/// Stages in one body: more than any pipeline has.
const MOST: usize = 256;
/// Characters of one name.
const LONGEST: usize = 256;

/// Reads the body, within the limits, and says what it selects. Without `timeout` it takes as long as the client likes.
pub(super) async fn read(request: Request, timeout: Option<Duration>, limit: usize) -> Result<Selection, Refusal> {
    let too_large = || {
        let message = format!("the body has more than {limit} bytes: send only the stages, {EXAMPLE}");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    };
    // Refused by its announced length; one that announces none, while it is read.
    if request.body().size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let bytes = Bytes::from_request(request, &());
    let bytes = match timeout {
        None => bytes.await,
        Some(most) => tokio::time::timeout(most, bytes).await.map_err(|_| {
            Refusal::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "the body came too slowly: send it at once")
        })?,
    };
    let bytes = bytes.map_err(|rejected| match rejected.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => bad("the body could not be read to its end: send it again"),
    })?;
    selection(&bytes)
}

/// What a body selects.
fn selection(body: &[u8]) -> Result<Selection, Refusal> {
    if body.trim_ascii().is_empty() {
        return Ok(Selection::default());
    }
    let Fields(fields) = serde_json::from_slice(body)
        .map_err(|error| bad(format!("the body is not such as {EXAMPLE}, or empty: {error}")))?;
    let mut stages = None;
    for (name, value) in fields {
        if name != "stages" {
            let meant = nearest(&name, ["stages"]).map_or("there is only", |_| "did you mean");
            return Err(bad(format!("`{}` is not a field: {meant} `stages`", shown(&name))));
        }
        if stages.replace(value).is_some() {
            return Err(bad("`stages` is given twice: put all stages into one list"));
        }
    }
    match stages {
        // As other servers' clients send it.
        None | Some(Value::Null) => Ok(Selection::default()),
        Some(Value::Array(list)) => select(list),
        Some(_) => Err(bad(format!("`stages` is not a list: write it as in {EXAMPLE}"))),
    }
}

fn select(list: Vec<Value>) -> Result<Selection, Refusal> {
    if list.is_empty() {
        return Err(bad("`stages` is empty: name at least one, or leave it out to select everything"));
    }
    if list.len() > MOST {
        return Err(bad(format!("`stages` has more than {MOST} entries: use patterns such as \"vae.*\"")));
    }
    let (mut numbers, mut names) = (Vec::new(), Vec::new());
    for (at, value) in list.into_iter().enumerate() {
        match value {
            Value::Number(number) => match number.as_u64().and_then(|number| u32::try_from(number).ok()) {
                Some(number) => numbers.push(number),
                None => {
                    return Err(bad(format!("`stages[{at}]` is not the number of a stage process: 0, 1, 2, …")));
                }
            },
            Value::String(name) if is_name(&name) => names.push(name),
            Value::String(_) => {
                let what = format!("is not the name of a range: 1 to {LONGEST} characters without control characters");
                return Err(bad(format!("`stages[{at}]` {what}")));
            }
            _ => return Err(bad(format!("`stages[{at}]` is neither a number nor a name: write it as in {EXAMPLE}"))),
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

fn shown(name: &str) -> String {
    name.chars().take(40).flat_map(char::escape_debug).collect()
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal::bad("bad_body", message)
}
