//! The strings that others parse: a changed one is a difference in `tests/contracts`.
//!
//! Strings that a run shows are read from its artifacts; the others are looked for in all sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::contracts_support::{artifacts, everything, fields, hold, kept, scan, steady};
use clap::CommandFactory;
use profiler_runtime::config::ProfilerArgs;
use profiler_runtime::http::HttpOptions;
use profiler_runtime::job::{ControlError, WorkerState};
use profiler_tests::gpu::{machine, session};
use profiler_tests::http::{Scripted, get, listen, lists, post, report};
use profiler_tests::{in_child, succeeded};
use serde_json::Value;

#[test]
#[ignore = "run by the test below, as a process of its own"]
fn everything_happens() {
    if in_child() {
        everything::record();
    }
}

#[test]
fn artifacts_have_the_names_that_others_read() {
    let folder = tempfile::tempdir().unwrap();
    succeeded(&mut machine("everything_happens", folder.path()));
    fs::rename(folder.path().join("perf/perf.json"), folder.path().join("perf.json")).unwrap();
    let session = session(folder.path());
    fs::rename(folder.path().join("perf.json"), folder.path().join("perf/perf.json")).unwrap();
    hold("artifacts", artifacts::kinds(&session));
    hold("reports", artifacts::reports(&session));
    hold("workbook", artifacts::workbook(&session));
    hold("pages", artifacts::pages(&session));
    hold("chrome", artifacts::chrome(&session));
    hold("perfetto", artifacts::perfetto(&session));
    let name = session.file_name().unwrap().to_string_lossy().into_owned();
    let log = fs::read_to_string(folder.path().join("log")).unwrap().replace(&name, "SESSION");
    // The other lines depend on the machine's speed.
    let is_read = |line: &&str| line.contains("[DiffusionTiming]") || line.contains("artifacts are");
    let lines: BTreeSet<String> = log.lines().filter(is_read).map(|line| steady(line, folder.path())).collect();
    hold("log_of_a_session", lines);
}

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    profiler: ProfilerArgs,
}

/// Flags keep their names, their other spellings, and the values and defaults in their help.
#[test]
fn flags_have_the_names_that_scripts_use() {
    let command = Cli::command();
    let lines = command.get_arguments().filter_map(|flag| {
        let name = flag.get_long()?;
        let others = flag.get_all_aliases().unwrap_or_default();
        let names: Vec<_> = [name].into_iter().chain(others.into_iter().filter(|other| *other != name)).collect();
        let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
        Some(format!("--{} {}", names.join(" --"), in_brackets(&help)).trim_end().to_owned())
    });
    hold("flags", lines);
}

/// Returns the brackets at the end of a text, with the brackets inside them.
fn in_brackets(text: &str) -> &str {
    let mut open = 0;
    let begin = text.char_indices().rev().take_while(|(_, letter)| {
        open += i32::from(*letter == ']') - i32::from(*letter == '[');
        open > 0
    });
    begin.last().map_or("", |(at, _)| &text[at - 1..])
}

#[test]
fn answers_have_the_fields_that_clients_read() {
    let mut controller = Scripted::content();
    controller.stop = Ok(lists(report(&[WorkerState::Written, WorkerState::Failed]), "trace_rank0.json"));
    let server = listen(Arc::new(controller), HttpOptions::new());
    let address = server.local_addr();
    let mut lines = Vec::new();
    let mut tell = |what: &str, body: &Value| lines.extend(fields(body).iter().map(|field| format!("{what}: {field}")));
    tell("start", &post(address, "/start_profile", "").json());
    tell("stop", &post(address, "/stop_profile", "").json());
    tell("status", &get(address, "/profile/status").json());
    tell("session", &get(address, "/profile/sessions/a%20session").json());
    tell("refusal", &get(address, "/nowhere").json());
    let refused = Scripted { start: Err(ControlError::NotActive), ..Scripted::content() };
    let server = listen(Arc::new(refused), HttpOptions::new());
    tell("refused start", &post(server.local_addr(), "/start_profile", "").json());
    hold("answers", lines);
}

/// Codes keep the statuses that they come with.
#[test]
fn errors_have_the_codes_that_clients_match() {
    let words = scan::words();
    let rows = scan::matches(&words, &["=", "_", ",", "_", ";"]);
    let found = rows.into_iter().filter_map(|row| Some(format!("{}: {}", scan::text(&row[1])?, row[0])));
    hold("http_codes", found);
}

/// Environment variables, and other words in capitals that programs match, keep their names.
#[test]
fn words_in_capitals_are_those_that_scripts_set() {
    let is_name = |text: &String| {
        text.len() > 2
            && text.starts_with(|letter: char| letter.is_ascii_uppercase())
            && text.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_')
    };
    let words = scan::words();
    hold(
        "capitals",
        words.iter().flatten().filter_map(|word| scan::text(word)).filter(is_name).collect::<BTreeSet<_>>(),
    );
}

/// Messages to the host's logger keep their text.
#[test]
fn messages_are_those_that_people_grep() {
    let words = scan::words();
    let mut found = BTreeSet::new();
    for level in ["error", "warn", "info", "notice"] {
        for message in scan::matches(&words, &["logging", ":", ":", level, "!", "(", "_"]) {
            found.insert(format!("{level}: {}", scan::text(&message[0]).unwrap_or_else(|| message[0].clone())));
        }
    }
    for message in scan::matches(&words, &["send", "(", "&", "format", "!", "(", "_"]) {
        found.insert(format!("warn: {}", scan::text(&message[0]).unwrap_or_else(|| message[0].clone())));
    }
    hold("messages", found);
}

/// Words for one of several cases, such as the reason for a session's end, are still in the
/// sources. Only their presence counts, because a table may replace a `match`.
#[test]
fn words_for_cases_are_still_those_that_programs_match() {
    let words = scan::words();
    let is_word = |text: &String| {
        let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        text.len() > 2 && text.chars().all(is_plain)
    };
    let all: BTreeSet<String> = words.iter().flatten().filter_map(|word| scan::text(word)).filter(is_word).collect();
    let of_arms = scan::matches(&words, &["=", ">", "_", ","]).into_iter().filter_map(|arm| scan::text(&arm[0]));
    let of_arms: BTreeSet<String> = of_arms.filter(is_word).collect();
    hold("cases", kept("cases").unwrap_or(of_arms).into_iter().filter(|word| all.contains(word)));
}

/// A job's report names its workers in fixed words, which serde derives from the variants' names.
#[test]
fn states_and_codes_of_workers_are_those_that_programs_match() {
    let words = scan::words();
    let of =
        |name: &str| scan::variants(&words, name).into_iter().map(|variant| format!("{name}: {variant}")).collect();
    hold("workers", ["FailureCode", "WorkerState"].into_iter().flat_map(|name: &str| -> Vec<String> { of(name) }));
}

#[test]
fn schemas_describe_the_fields_that_they_did() {
    let mut lines = Vec::new();
    for folder in scan::crates() {
        let mut files: Vec<_> =
            fs::read_dir(folder.join("schemas")).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for path in files {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let schema: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            lines.extend(properties(&schema).into_iter().map(|field| format!("{name}: {field}")));
        }
    }
    lines.sort();
    hold("schemas", lines);
}

/// Returns every property that a schema describes, with a `!` if it is required.
fn properties(schema: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for place in fields(schema) {
        let path: Vec<&str> = place.split('.').collect();
        let Some((name, around)) = path.split_last().filter(|(_, around)| around.last() == Some(&"properties")) else {
            continue;
        };
        let owner = around[..around.len() - 1].iter().try_fold(schema, |value, key| value.get(key));
        let required = owner.and_then(|owner| owner["required"].as_array());
        let mark = if required.is_some_and(|required| required.iter().any(|other| other == name)) { "!" } else { "" };
        let shown: Vec<&str> = path.iter().copied().filter(|part| *part != "properties").collect();
        found.insert(shown.join(".") + mark);
    }
    found
}

#[test]
fn a_changed_table_is_a_difference() {
    let folder = Path::new("/run/7");
    assert_eq!(steady("/run/7/trace_rank12.json took 0.5s", folder), "FOLDER/trace_rankN.json took N.Ns");
    let document = serde_json::json!({"a": [{"b": 1}, {"c": {"d": null}}]});
    assert_eq!((in_brackets("of [a] list [x; default: [1]]"), in_brackets("none")), ("[x; default: [1]]", ""));
    assert_eq!(fields(&document).into_iter().collect::<Vec<_>>(), ["a", "a[].b", "a[].c", "a[].c.d"]);
}

/// The page lists the exporters' rows in the order in which they write.
#[test]
fn the_page_lists_every_artifact_in_order() {
    let page = profiler_tests::sources::workspace().join("profiler-runtime/docs/artifacts.md");
    let page = fs::read_to_string(page).unwrap();
    let section = page.split("<!-- artifacts: begin -->").nth(1).unwrap();
    let section = section.split("<!-- artifacts: end -->").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let listed: Vec<(&str, &str)> = rows
        .map(|row| {
            let mut cells = row.split(" | ").map(|cell| cell.trim_matches('`'));
            (cells.next().unwrap(), cells.next().unwrap())
        })
        .collect();
    let kinds: Vec<(&str, &str)> =
        profiler_trace::export::artifact_kinds().map(|kind| (kind.as_str(), kind.file())).collect();
    assert_eq!(listed, kinds);
}
