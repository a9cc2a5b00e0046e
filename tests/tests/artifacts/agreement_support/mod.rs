//! Random programs, and checks of the artifacts of their sessions.
//!
//! [`program`] generates programs, [`run`] and [`player`] play them with real guards and keep a
//! [`log`], [`story`] derives from the log the ranges that a session must show, [`trace`] finds
//! each of these in the trace, and [`oracle`] computes everything else from their begins and ends.
//! Each of the other files reads one artifact and compares it with the oracle.

mod log;
mod operators;
mod oracle;
mod perfetto;
mod player;
pub(crate) mod program;
pub(crate) mod run;
mod stages;
pub(crate) mod story;
mod summary;
mod trace;

use std::fmt::Debug;
use std::path::Path;

use profiler_runtime::artifacts::Manifest;

use run::{Played, Session};
use story::Story;

/// Result of a comparison; the error describes the difference.
pub(crate) type Verdict = Result<(), String>;

/// Compares a value from an artifact with the right one.
pub(crate) fn same<T: PartialEq + Debug>(what: &str, seen: &T, right: &T) -> Verdict {
    if seen == right { Ok(()) } else { Err(format!("{what}\n  seen:  {seen:?}\n  right: {right:?}")) }
}

/// Returns whether a time with a unit equals this many nanoseconds, to the last digit shown.
pub(crate) fn near(text: &str, ns: u64) -> bool {
    off(text, ns) <= 0.510
}

/// Returns the error of a time with a unit against nanoseconds, in units of its last digit.
pub(crate) fn off(text: &str, ns: u64) -> f64 {
    let number = text.trim_end_matches(char::is_alphabetic);
    let unit = match &text[number.len()..] {
        "us" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        _ => f64::NAN,
    };
    number.parse::<f64>().map_or(f64::NAN, |number| (number * 1e3 - ns as f64 * 1e3 / unit).abs())
}

/// Checks that all artifacts of all sessions of a program agree with its log.
pub(crate) fn agree(played: &Played) -> Verdict {
    let all: Vec<_> = played.sessions.iter().map(|session| (session.from, session.to)).collect();
    for Session { stopped, from, to } in &played.sessions {
        let manifest = stopped.wait().map_err(|error| error.to_string())?;
        let folder = stopped.folder().ok_or("no folder")?;
        let story = Story::of(&played.logs, (*from, *to), &all);
        agree_on(story, &manifest, folder).map_err(|wrong| format!("session {from}..{to}: {wrong}"))?;
    }
    Ok(())
}

/// Checks that the artifacts of one session agree with its story.
pub(crate) fn agree_on(mut story: Story, manifest: &Manifest, folder: &Path) -> Verdict {
    same("errors", &manifest.errors, &Vec::new())?;
    let window = trace::compare(&mut story, folder)?;
    let mut verdicts = vec![stages::compare(&story.spans, window, folder)];
    verdicts.push(operators::compare(&story, manifest));
    verdicts.push(summary::compare(&story.spans, window, manifest));
    let wrong: Vec<String> = verdicts.into_iter().filter_map(Result::err).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}
