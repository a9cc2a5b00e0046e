//! The part of an address behind the `?`: `wait=false`, and nothing else.

use super::refusal::Refusal;
use crate::config::nearest;

/// Whether a stop waits for the artifacts.
pub(super) fn wait(query: Option<&str>) -> Result<bool, Refusal> {
    let mut wait = true;
    for (name, value) in pairs(query) {
        wait = match (name, value) {
            ("wait", "true" | "1" | "") => true,
            ("wait", "false" | "0") => false,
            // What a client has sent is not echoed.
            ("wait", _) => return Err(bad("`wait` has another value than `true` or `false`: write one of these")),
            _ => {
                let meant = nearest(name, ["wait"]).map_or("the only one is `wait`", |_| "did you mean `wait`?");
                return Err(bad(&format!("the query has an unknown parameter: {meant}")));
            }
        };
    }
    Ok(wait)
}

/// Refuses any parameter.
pub(super) fn none(query: Option<&str>) -> Result<(), Refusal> {
    match pairs(query).next() {
        None => Ok(()),
        Some(_) => Err(bad("this address takes no parameters: stages are given in the body, {\"stages\": [0]}")),
    }
}

fn pairs(query: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    let parts = query.unwrap_or_default().split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, "")))
}

fn bad(message: &str) -> Refusal {
    Refusal::bad("bad_query", message)
}
