//! Parses the query of a request: `wait=false`, and nothing else.
//!
//! Messages only contain names that are known here, never a client's text.

use super::error::{Code, Rejection};
use super::runtime::nearest;
use super::wishes;

/// Returns whether a stop waits for the artifacts.
pub(super) fn wait(query: Option<&str>) -> Result<bool, Rejection> {
    let mut wait = true;
    for (name, value) in pairs(query) {
        wait = match (name, value) {
            ("wait", "true" | "1" | "") => true,
            ("wait", "false" | "0") => false,
            ("wait", _) => return Err(bad("`wait` has another value than `true` or `false`: write one of these")),
            _ => return Err(unknown(name)),
        };
    }
    Ok(wait)
}

/// Rejects every parameter.
pub(super) fn reject_any(query: Option<&str>) -> Result<(), Rejection> {
    match pairs(query).next() {
        None => Ok(()),
        Some((name, _)) => Err(in_body(name).unwrap_or_else(|| {
            bad("this address takes no parameters: stages are given in the body, {\"stages\": [0]}")
        })),
    }
}

/// Returns the rejection of an unknown parameter of a stop.
fn unknown(name: &str) -> Rejection {
    let meant = nearest(name, ["wait"]).map_or("the only one is `wait`", |_| "did you mean `wait`?");
    in_body(name).unwrap_or_else(|| bad(&format!("the query has an unknown parameter: {meant}")))
}

/// Returns the rejection of a parameter that belongs into the body.
fn in_body(name: &str) -> Option<Rejection> {
    let key = wishes::keys().find(|key| *key == name)?;
    Some(bad(&format!("`{key}` belongs into the body, {{\"{key}\": …}}: this address does not take it as a parameter")))
}

fn pairs(query: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    let parts = query.unwrap_or_default().split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, "")))
}

fn bad(message: &str) -> Rejection {
    Rejection::new(Code::BadQuery, message)
}
