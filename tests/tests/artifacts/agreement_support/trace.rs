//! Trace: it shows every range of the story once, in the order in which the program began and ended
//! them, with their names and ids; rows nest; both formats show the same.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::Path;

use profiler_runtime::site::Kind;
use profiler_tests::Trace;
use serde_json::Value;

use super::run::thread_name;
use super::story::{Span, Story, What};
use super::{Verdict, perfetto, same};

/// Slice as the file shows it. Times are in nanoseconds since the Unix epoch.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) name: String,
    pub(super) row: String,
    pub(super) begin: u64,
    pub(super) end: u64,
    args: Value,
}

/// Finds each span in the trace and sets its times from there. Returns begin and end of the
/// session.
pub(super) fn compare(story: &mut Story, folder: &Path) -> Result<(u64, u64), String> {
    let bytes = fs::read(folder.join("trace_rank0.json")).map_err(|error| error.to_string())?;
    let trace = Trace { json: serde_json::from_slice(&bytes).map_err(|error| error.to_string())? };
    let shown = shown(&trace.json);
    perfetto::compare(&shown, folder)?;
    rows_nest(&shown)?;
    let threads = story.spans.iter().map(|span| span.thread + 1).max().unwrap_or(0);
    for thread in 0..threads {
        take_ranges(story, thread, &shown)?;
    }
    take_lives(story, &shown)?;
    let polls = story.spans.iter().filter(|span| !span.is_life()).count();
    same("ranges", &trace.json["profiler"]["ranges"], &polls.into())?;
    let unfinished = story.spans.iter().filter(|span| !span.is_finished()).count() as u64;
    let losses = ["unfinished", "began_before", "missing", "unreadable"].map(|loss| trace.losses(loss));
    same("unfinished, began before, missing, unreadable", &losses, &[unfinished, story.began_before, 0, 0])?;
    for thread in 0..threads {
        in_order(story, thread)?;
    }
    let at = |key: &str| trace.json["profiler"][key].as_u64().expect("a time");
    Ok((at("begin_unix_ns"), at("end_unix_ns")))
}

/// Returns all ranges and lives, in order of `External id`.
fn shown(trace: &Value) -> Vec<Shown> {
    let events = trace["traceEvents"].as_array().expect("a list of events");
    let base = trace["baseTimeNanoseconds"].as_u64().expect("a base");
    let ns = |micros: &Value| (micros.as_f64().expect("a time") * 1000.0).round() as u64;
    let named = events.iter().filter(|event| event["name"] == "thread_name");
    let rows: HashMap<u64, &str> =
        named.filter_map(|row| Some((row["tid"].as_u64()?, row["args"]["name"].as_str()?))).collect();
    let is_range = |event: &&Value| event["cat"] == "cpu_op" || event["cat"] == "user_annotation";
    let ranges = events.iter().filter(|event| event["ph"] == "X").filter(is_range);
    let mut shown: Vec<Shown> = ranges
        .map(|event| Shown {
            name: event["name"].as_str().expect("a name").to_owned(),
            row: rows[&event["tid"].as_u64().expect("a row")].to_owned(),
            begin: base + ns(&event["ts"]),
            end: base + ns(&event["ts"]) + ns(&event["dur"]),
            args: event["args"].clone(),
        })
        .collect();
    shown.sort_by_key(|slice| slice.args["External id"].as_u64());
    shown
}

/// Checks that slices of one row are nested or apart, as every reader of traces assumes.
fn rows_nest(shown: &[Shown]) -> Verdict {
    let mut rows = BTreeMap::<&str, Vec<&Shown>>::new();
    for slice in shown {
        rows.entry(&slice.row).or_default().push(slice);
    }
    for row in rows.values_mut() {
        row.sort_by_key(|slice| (slice.begin, std::cmp::Reverse(slice.end)));
        let mut open: Vec<&Shown> = Vec::new();
        for slice in row {
            while open.last().is_some_and(|outer| outer.end <= slice.begin) {
                open.pop();
            }
            if let Some(outer) = open.last().filter(|outer| outer.end < slice.end) {
                return Err(format!("one row, but they cross:\n  {outer:?}\n  {slice:?}"));
            }
            open.push(slice);
        }
    }
    Ok(())
}

/// Matches the n-th range that a thread began with the n-th that its rows show.
fn take_ranges(story: &mut Story, thread: usize, shown: &[Shown]) -> Verdict {
    let (name, lanes) = (thread_name(thread), format!("{} (overlapping ", thread_name(thread)));
    let mut found = shown.iter().filter(|slice| slice.row == name || slice.row.starts_with(&lanes));
    let spans = story.spans.iter_mut().filter(|span| span.thread == thread && !span.is_life());
    let mut tasks = HashMap::new();
    for span in spans {
        let slice = found.next().ok_or_else(|| format!("not in the trace: {span:?}"))?;
        take(span, slice)?;
        let task = slice.args["task"].as_u64();
        let known = if let What::Poll(life) = span.what { Some(*tasks.entry(life).or_insert(task)) } else { None };
        same(&format!("the task of {slice:?}"), &Some(task), &known.or(Some(None)))?;
        same(&format!("unfinished: {slice:?}"), &(slice.args["unfinished"] == true), &!span.is_finished())?;
    }
    let distinct: HashSet<_> = tasks.values().collect();
    same("numbers of tasks", &distinct.len(), &tasks.len())?;
    found.next().map_or(Ok(()), |slice| Err(format!("has never begun: {slice:?}")))
}

/// Checks that every future that was polled has one life, from its first poll on.
fn take_lives(story: &mut Story, shown: &[Shown]) -> Verdict {
    let mut lives: Vec<&Shown> = shown.iter().filter(|slice| slice.args["polls"].is_u64()).collect();
    for at in 0..story.spans.len() {
        let What::Life { ready, .. } = story.spans[at].what else { continue };
        let polls = || story.spans.iter().filter(|span| span.what == What::Poll(at));
        let (first, busy) = (polls().next().expect("a poll").begin, polls().map(Span::duration).sum::<u64>());
        let (count, last) = (polls().count(), polls().map(|poll| poll.end).max());
        let span = &mut story.spans[at];
        let place = lives.iter().position(|life| life.begin == first && life.args["polls"] == count);
        let life = lives.remove(place.ok_or_else(|| format!("not in the trace: {span:?}, from {first}"))?);
        take(span, life)?;
        let seen = (life.args["unfinished"] == true, life.args["cancelled"] == true);
        same(&format!("unfinished, cancelled: {life:?}"), &seen, &(ready.is_none(), ready == Some(false)))?;
        let micros = life.args["busy_us"].as_f64().unwrap_or_default();
        same(&format!("busy: {life:?}"), &((micros * 1000.0).round() as u64), &busy)?;
        if last > Some(life.end) {
            return Err(format!("polled after its end: {life:?}"));
        }
    }
    lives.pop().map_or(Ok(()), |life| Err(format!("has never lived: {life:?}")))
}

/// Takes the times of a slice that has the name and the id of the span.
fn take(span: &mut Span, slice: &Shown) -> Verdict {
    span.number = slice.name.strip_prefix("ProfilerStep#").and_then(|number| number.parse().ok());
    let name = if span.number.is_some() { slice.args["step"].as_str().unwrap_or_default() } else { &slice.name };
    let id = match span.told.kind {
        Kind::Step => slice.args["index"].as_u64(),
        _ => slice.args["request_id"].as_str().and_then(|id| id.parse().ok()),
    };
    let id_told = span.told.id.filter(|_| !matches!(span.what, What::Poll(_)));
    let id = id.filter(|_| !matches!(span.what, What::Poll(_)));
    same(&format!("name and id of {slice:?}, which is {span:?}"), &(name, id), &(span.told.name, id_told))?;
    (span.begin, span.end) = (slice.begin, slice.end);
    Ok(())
}

/// Checks that events of a thread are shown in the order in which they happened.
fn in_order(story: &Story, thread: usize) -> Verdict {
    let mut moments: Vec<(usize, u64, &Span)> = Vec::new();
    for span in story.spans.iter().filter(|span| span.thread == thread) {
        moments.push((span.begun, span.begin, span));
        moments.push((span.ended, span.end, span));
    }
    moments.sort_by_key(|(order, ..)| *order);
    for pair in moments.windows(2) {
        let [(_, at, one), (_, next, other)] = pair else { continue };
        if at > next {
            return Err(format!("shown in another order than they happened:\n  {one:?}\n  {other:?}"));
        }
    }
    Ok(())
}
