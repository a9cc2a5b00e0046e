//! Names in the artifacts of a session: of files, of fields, of columns, and of the arguments of
//! events.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use calamine::{Reader, Xlsx, open_workbook};
use serde_json::Value;

use super::{fields, steady};

#[path = "../../../../profiler-trace/src/export/trace/perfetto/reader.rs"]
#[allow(dead_code, reason = "the runtime's own tests read more")]
mod reading;

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Returns kinds, names and second names, as the manifest lists them.
pub(crate) fn kinds(session: &Path) -> Vec<String> {
    let manifest = json(&session.join("manifest_rank0.json"));
    let line = |artifact: &Value| {
        let second = artifact["second_name"].as_str().map(|name| format!(", {name}")).unwrap_or_default();
        let text = |key: &str| artifact[key].as_str().unwrap().to_owned();
        steady(&format!("{}: {}{second}", text("kind"), text("name")), session.parent().unwrap())
    };
    let missing = manifest["missing"].as_array().unwrap().iter().map(|missing| format!("missing: {missing}"));
    manifest["artifacts"].as_array().unwrap().iter().map(line).chain(missing).collect()
}

/// Returns the fields of the JSON reports.
pub(crate) fn reports(session: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let perf_dump = session.with_file_name("perf.json");
    for path in [session.join("manifest_rank0.json"), session.join("timing_rank0.json"), perf_dump] {
        let name = path.file_stem().unwrap().to_string_lossy().replace("_rank0", "");
        // This field depends on the machine's speed; `schemas` covers it.
        let always = fields(&json(&path)).into_iter().filter(|field| !field.ends_with(".cpu_slows"));
        lines.extend(always.map(|field| format!("{name}: {field}")));
    }
    lines
}

/// Returns the sheets of the workbook and their headers.
pub(crate) fn workbook(session: &Path) -> Vec<String> {
    let mut book: Xlsx<_> = open_workbook(session.join("ops_rank0.xlsx")).unwrap();
    let mut lines = Vec::new();
    for sheet in book.sheet_names() {
        let range = book.worksheet_range(&sheet).unwrap();
        let header = range.rows().next().unwrap().iter().map(|cell| format!("{sheet}: {cell}"));
        lines.extend(header);
    }
    lines
}

/// Returns the headings and the table headers of the reports for people.
pub(crate) fn pages(session: &Path) -> Vec<String> {
    let text = fs::read_to_string(session.join("summary_rank0.md")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let is_header = |at: usize| lines.get(at + 1).is_some_and(|next| next.starts_with("|") && next.contains("---"));
    let shown = (0..lines.len()).filter(|&at| lines[at].starts_with('#') || is_header(at));
    let name = session.file_name().unwrap().to_string_lossy();
    let mut found: Vec<String> = shown
        .map(|at| {
            // Columns are as wide as their cells; `busy` and `cpu` are shown only if they differ
            // from the column beside them.
            let cells = lines[at].split('|').map(|cell| cell.split_whitespace().collect::<Vec<_>>().join(" "));
            let line = cells.filter(|cell| !["busy", "cpu"].contains(&cell.as_str())).collect::<Vec<_>>().join("|");
            let line = line.replace(&*name, "SESSION");
            format!("summary: {}", steady(&line, session))
        })
        .collect();
    let table = fs::read_to_string(session.join("profiler_out_0.txt")).unwrap();
    let header = table.lines().find(|line| line.contains("Name")).unwrap();
    found
        .extend(header.split("  ").map(str::trim).filter(|word| !word.is_empty()).map(|word| format!("table: {word}")));
    found
}

/// Fields by kind of event: phase and category, or the name of an event without a category.
type Events = BTreeMap<String, BTreeSet<String>>;

/// Returns the fields of a JSON trace: of its head, and of each kind of event.
pub(crate) fn chrome(session: &Path) -> Vec<String> {
    let mut trace = json(&session.join("trace_rank0.json"));
    let listed = trace["traceEvents"].take();
    let mut events = Events::new();
    for event in listed.as_array().unwrap() {
        let text = |key: &str| event[key].as_str().unwrap_or_default();
        let is_named = ["C", "M"].contains(&text("ph")) || text("cat").is_empty();
        let of = if is_named { steady(text("name"), session) } else { text("cat").to_owned() };
        let members = events.entry(format!("{} {of}", text("ph"))).or_default();
        members.extend(fields(event));
    }
    let head = fields(&trace).into_iter().map(|field| format!("head: {field}"));
    head.chain(listing(&events)).collect()
}

/// Returns the fields of each kind of event of a trace in Perfetto's own format.
pub(crate) fn perfetto(session: &Path) -> Vec<String> {
    let seen = reading::read(&fs::read(session.join("trace_rank0.pftrace")).unwrap());
    let mut events = Events::new();
    for slice in &seen.slices {
        let category = slice["cat"].as_str().unwrap_or_default();
        events.entry(format!("slice {category}")).or_default().extend(fields(&slice["args"]));
    }
    for (track, ..) in &seen.samples {
        events.entry(steady(&format!("counter {track}"), session)).or_default();
    }
    listing(&events)
}

fn listing(events: &Events) -> Vec<String> {
    let lines = |(of, members): (&String, &BTreeSet<String>)| {
        let none = members.is_empty().then(|| of.clone());
        members.iter().map(|member| format!("{of}: {member}")).chain(none).collect::<Vec<_>>()
    };
    events.iter().flat_map(lines).collect()
}
