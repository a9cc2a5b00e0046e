//! `timing_rank*.json`: the trees of the stages of the session and of each request, and the steps
//! of each loop.

use std::collections::BTreeMap;
use std::path::Path as File;

use profiler_runtime::site::Kind;
use profiler_tests::timing;
use serde_json::Value;

use super::oracle::{self, Node, Path, is_request};
use super::story::Span;
use super::{Verdict, same};

type Tree = BTreeMap<Path, Node>;

pub(super) fn compare(spans: &[Span], window: (u64, u64), folder: &File) -> Verdict {
    let timing = timing(folder);
    let paths = paths(&timing["stages"]);
    let seen = (nodes(&timing["stages"], "id", &paths), ns(&timing["unaccounted_ns"]));
    compare_trees("stages of the session", &seen, &oracle::stages(spans, None, window))?;
    compare_requests(spans, &timing["requests"], &paths)?;
    compare_loops(spans, &timing)
}

/// Compares the requests, which are few enough for the report to keep each of them.
fn compare_requests(spans: &[Span], requests: &Value, paths: &[Path]) -> Verdict {
    let right: Vec<usize> = (0..spans.len()).filter(|&at| is_request(&spans[at])).collect();
    let durations = right.iter().map(|&at| spans[at].duration());
    let sums = [right.len() as u64, durations.clone().sum(), durations.max().unwrap_or(0)];
    let seen = ["count", "sum_ns", "max_ns"].map(|key| requests[key].as_u64().unwrap_or_default());
    same("count, sum and longest of the requests", &seen, &sums)?;
    let kept = requests["kept"].as_array().ok_or("no requests")?;
    same("requests that are kept", &kept.len(), &right.len())?;
    for request in right {
        let id = spans[request].told.id.unwrap_or_default().to_string();
        let seen = kept.iter().find(|seen| seen["request_id"] == id.as_str());
        let seen = seen.ok_or_else(|| format!("request {id} is not in the timing report"))?;
        let Span { begin, end, .. } = spans[request];
        same(&format!("duration of request {id}"), &ns(&seen["duration_ns"]), &(end - begin))?;
        let right = oracle::stages(spans, Some(request), (begin, end));
        let seen = (nodes(&seen["stages"], "stage", paths), ns(&seen["unaccounted_ns"]));
        compare_trees(&format!("stages of request {id}"), &seen, &right)?;
    }
    Ok(())
}

/// Compares two trees place by place: the first difference says more than two trees.
fn compare_trees(what: &str, seen: &(Tree, u64), right: &(Tree, u64)) -> Verdict {
    let places: Vec<_> = right.0.keys().chain(seen.0.keys()).collect();
    for place in places {
        same(&format!("{what}: {place:?}"), &seen.0.get(place), &right.0.get(place))?;
    }
    same(&format!("{what}: unaccounted"), &seen.1, &right.1)
}

fn compare_loops(spans: &[Span], timing: &Value) -> Verdict {
    let mut right = BTreeMap::<&str, Vec<[u64; 2]>>::new();
    for span in spans.iter().filter(|span| span.told.kind == Kind::Step && oracle::is_stage(span)) {
        right.entry(span.told.name).or_default().push([span.begin, span.duration()]);
    }
    right.values_mut().for_each(|steps| steps.sort_unstable());
    let begin = timing["begin_unix_ns"].as_u64().unwrap_or_default();
    let loops = timing["loops"].as_array().expect("a list").iter();
    let seen = loops.map(|each| {
        let steps = each["steps"].as_array().expect("a list").iter();
        let steps = steps.map(|step| [begin + ns(&step["begin_ns"]), ns(&step["duration_ns"])]).collect();
        (each["name"].as_str().unwrap_or_default(), steps)
    });
    same("loops", &seen.collect(), &right)
}

/// Returns the path of each record, by its number.
fn paths(stages: &Value) -> Vec<Path> {
    let mut paths = Vec::<Path>::new();
    for stage in stages.as_array().expect("a list") {
        let outer = stage["parent"].as_u64().map(|parent| paths[parent as usize].clone());
        let kind = if stage["kind"] == "step" { Kind::Step } else { Kind::Stage };
        let mut path = outer.unwrap_or_default();
        path.push((kind, static_name(stage["name"].as_str().unwrap_or_default())));
        paths.push(path);
    }
    paths
}

/// Returns the records of the session or of a request; `number` is the key of a record's number.
fn nodes(stages: &Value, number: &str, paths: &[Path]) -> Tree {
    let nodes = stages.as_array().expect("a list").iter().map(|stage| {
        let node = Node {
            calls: ns(&stage["calls"]),
            sum: ns(&stage["sum_ns"]),
            own: ns(&stage["self_ns"]),
            min: ns(&stage["min_ns"]),
            max: ns(&stage["max_ns"]),
            busy: stage["busy_ns"].as_u64().unwrap_or(0),
            polls: stage["polls"].as_u64().unwrap_or(0),
        };
        (paths[ns(&stage[number]) as usize].clone(), node)
    });
    nodes.collect()
}

/// Returns the program's own name, which has the lifetime that paths need.
fn static_name(name: &str) -> &'static str {
    let names = ["alpha", "beta", "delta", "loop", "turn", "pass", "task", "tick"];
    names.into_iter().find(|known| *known == name).unwrap_or("(unknown)")
}

fn ns(value: &Value) -> u64 {
    value.as_u64().unwrap_or(u64::MAX)
}
