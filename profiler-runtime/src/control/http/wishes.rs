//! The keys of upstream's bodies for `POST /start_profile`, as `config`'s table of its names says what becomes of each.

use serde_json::Value;

use super::body::bad;
use super::refusal::Refusal;
use crate::config::{Fate, Field, Name, Place, nearest};
use crate::control::job::SessionWishes;

const ACTIVITIES: &str = "torch_profiler_activities";
/// Longest name of a session in a request, so that it stays one with a prefix and a number.
const LONGEST: usize = 48;

/// Takes one key of a body.
///
/// # Errors
///
/// Nobody knows the key, it is refused here, or its value does not fit.
pub(super) fn take(key: &str, value: &Value, wishes: &mut SessionWishes) -> Result<(), Refusal> {
    let Some(row) = Name::find(Place::Body, key) else { return Err(unknown(key)) };
    // As other servers' clients send what they leave out.
    if value.is_null() {
        return Ok(());
    }
    match row.fate {
        Fate::Refused { reason } => return Err(bad(format!("`{key}` is not taken here: {reason}"))),
        // What is switched off does not miss.
        Fate::Accepted { .. } if *value == Value::Bool(false) => {}
        Fate::Accepted { warning } => wishes.warnings.push(format!("`{key}` does nothing here: {warning}")),
        Fate::Sets(ACTIVITIES) => set_activities(row.name, value, wishes)?,
        Fate::Sets(field) => set(row.name, field, value, wishes)?,
        Fate::Does(_) if row.name == "merge_profiles" => {
            wishes.merge = value.as_bool().ok_or_else(|| bad(format!("`{key}` is neither true nor false")))?;
        }
        Fate::Does(_) => {
            let name = value.as_str().ok_or_else(|| bad(format!("`{key}` is no text")))?;
            let place = if row.name == "profile_id" { &mut wishes.name } else { &mut wishes.prefix };
            *place = Some(plain(key, name)?);
        }
    }
    Ok(())
}

/// Sets the activities. SGLang's list has words that are none of a profiler's: `MEM` is a field here.
fn set_activities(key: &str, value: &Value, wishes: &mut SessionWishes) -> Result<(), Refusal> {
    let Value::Array(words) = value else { return set(key, ACTIVITIES, value, wishes) };
    let mut kept = words.clone();
    kept.retain(|word| !["MEM", "RPD", "CUDA_PROFILER"].iter().any(|other| word == other));
    if words.contains(&Value::from("MEM")) {
        set("MEM", "torch_profiler_with_memory", &Value::Bool(true), wishes)?;
    }
    for word in ["RPD", "CUDA_PROFILER"].iter().filter(|word| words.iter().any(|given| given == *word)) {
        wishes
            .warnings
            .push(format!("`{word}` in `{key}` does nothing here: set `profiler` where the server is started"));
    }
    // Of such words alone nothing is left that says what to record.
    if kept.is_empty() && !words.is_empty() { Ok(()) } else { set(key, ACTIVITIES, &kept.into(), wishes) }
}

fn set(key: &str, field: &'static str, value: &Value, wishes: &mut SessionWishes) -> Result<(), Refusal> {
    if let Some((_, other, _)) = wishes.fields.iter().find(|(set, ..)| *set == field) {
        return Err(bad(format!("`{other}` and `{key}` say the same: keep one of them")));
    }
    let wrong = Field::named(field).and_then(|field| field.kind.check(key, value).into_iter().next());
    match wrong {
        Some(problem) => Err(bad(problem.to_string())),
        None => {
            wishes.fields.push((field, key.to_owned(), value.clone()));
            Ok(())
        }
    }
}

/// Checks that a name is one component of a path and no more.
fn plain(key: &str, name: &str) -> Result<String, Refusal> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let fits = (1..=LONGEST).contains(&name.len()) && name.chars().all(is_plain) && !name.starts_with('.');
    if fits {
        return Ok(name.to_owned());
    }
    let rule = format!("1 to {LONGEST} letters, digits, `.`, `_` and `-`, and does not begin with a dot");
    Err(bad(format!("`{key}` is no plain name: it has {rule}, and is never a path")))
}

fn unknown(key: &str) -> Refusal {
    let shown: String = key.chars().take(40).flat_map(char::escape_debug).collect();
    let known: Vec<&str> = std::iter::once("stages").chain(Name::body_keys()).collect();
    match nearest(key, known.iter().copied()) {
        Some(near) => bad(format!("`{shown}` is not a field: did you mean `{near}`?")),
        None => bad(format!("`{shown}` is not a field: there are `{}`", known.join("`, `"))),
    }
}
