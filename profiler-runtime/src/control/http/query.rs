//! The part of an address behind the `?`: `wait=false`, and nothing else.
//!
//! Only names that are known here are echoed, never a client's text.

use super::error::{Code, Refusal};
use super::face::nearest;
use super::wishes;

/// Returns whether a stop waits for the artifacts.
pub(super) fn wait(query: Option<&str>) -> Result<bool, Refusal> {
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

/// Refuses any parameter.
pub(super) fn none(query: Option<&str>) -> Result<(), Refusal> {
    match pairs(query).next() {
        None => Ok(()),
        Some((name, _)) => Err(in_body(name).unwrap_or_else(|| {
            bad("this address takes no parameters: stages are given in the body, {\"stages\": [0]}")
        })),
    }
}

/// Refuses a parameter of a stop.
fn unknown(name: &str) -> Refusal {
    let meant = nearest(name, ["wait"]).map_or("the only one is `wait`", |_| "did you mean `wait`?");
    in_body(name).unwrap_or_else(|| bad(&format!("the query has an unknown parameter: {meant}")))
}

/// Refuses a parameter that is a key of bodies.
fn in_body(name: &str) -> Option<Refusal> {
    let key = wishes::keys().find(|key| *key == name)?;
    Some(bad(&format!("`{key}` belongs into the body, {{\"{key}\": …}}: this address does not take it as a parameter")))
}

fn pairs(query: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    let parts = query.unwrap_or_default().split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, "")))
}

fn bad(message: &str) -> Refusal {
    Refusal::new(Code::BadQuery, message)
}
