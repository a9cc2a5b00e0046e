//! Tables of the output that others parse, and the files that they are compared with.

pub(crate) mod artifacts;
pub(crate) mod everything;
pub(crate) mod scan;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Variable that writes the tables anew if it is `write`; the changes are then a difference of the
/// commit.
const MODE: &str = "PROFILER_CONTRACTS";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts").join(format!("{name}.txt"))
}

fn is_written() -> bool {
    std::env::var_os(MODE).is_some_and(|mode| mode == "write")
}

/// Returns the lines of `tests/contracts/NAME.txt`, or `None` while it is written anew.
pub(crate) fn kept(name: &str) -> Option<BTreeSet<String>> {
    let text = fs::read_to_string(path(name)).ok().filter(|_| !is_written())?;
    Some(text.lines().map(str::to_owned).collect())
}

/// Asserts that the lines are those of `tests/contracts/NAME.txt`.
pub(crate) fn hold(name: &str, lines: impl IntoIterator<Item = String>) {
    let found: Vec<String> = lines.into_iter().collect();
    assert!(!found.is_empty(), "`{name}` pins nothing: the test reads the wrong place");
    if is_written() {
        return fs::write(path(name), found.join("\n") + "\n").unwrap();
    }
    let text = fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let pinned: Vec<String> = text.lines().map(str::to_owned).collect();
    let only = |mark: &str, of: &[String], other: &[String]| {
        let lines = of.iter().filter(|line| !other.contains(line));
        lines.map(|line| format!("{mark}{line}\n")).collect::<String>()
    };
    assert!(
        found == pinned,
        "others parse `{name}`; where the change is meant, write it with `{MODE}=write`, and tell it in the changelog. It is in \
         the order of the lines, or in:\n{}{}",
        only("-", &pinned, &found),
        only("+", &found, &pinned)
    );
}

/// Returns the path of every field of a document, in order; `[]` stands for the items of a list.
pub(crate) fn fields(document: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    visit(document, "", &mut found);
    found
}

fn visit(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                visit(member, &path, found);
                found.insert(path);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| visit(item, &format!("{path}[]"), found)),
        _ => {}
    }
}

/// Returns a text without the parts that differ from run to run: numbers, and the output folder.
pub(crate) fn steady(text: &str, folder: &Path) -> String {
    let text = text.replace(&*folder.to_string_lossy(), "FOLDER");
    let mut steady = String::new();
    for letter in text.chars() {
        match letter {
            '0'..='9' if steady.ends_with('N') => {}
            '0'..='9' => steady.push('N'),
            letter => steady.push(letter),
        }
    }
    steady
}
