//! The house style, read from the sources: columns, openings of documentation, and names of tests.

use profiler_tests::sources::{Page, committed, documented, product, workspace};

const CRATES: [&str; 6] =
    ["profiler-macros", "profiler-core", "profiler-shapes", "profiler-trace", "profiler-runtime", "profiler-tracing"];
/// Folders of files that programs write and that are compared byte for byte.
const WRITTEN: [&str; 3] = ["tests/contracts/", "tests/fuzz/corpus/", "tests/golden/"];

/// Numbers of lines that are still wrong, which only fall. The long lines of code are macro calls
/// whose positions tests compare.
const LONG_PROSE: usize = 0;
const LONG_CODE: usize = 3;
const LONG_NAMES: usize = 0;
const RELATIVE_CLAUSES: usize = 0;

/// Fails with a line for each mistake if more than `left` are found.
fn assert_no_more(wrong: &[String], left: usize, what: &str) {
    assert!(wrong.len() <= left, "{} {what}, {left} were left:\n{}", wrong.len(), wrong.join("\n"));
}

fn pages(extensions: &[&str]) -> Vec<Page> {
    let mut pages = committed(extensions);
    pages.retain(|page| !WRITTEN.iter().any(|folder| page.path.starts_with(folder)));
    assert!(pages.len() > 20, "{} files: the test reads the wrong place", pages.len());
    pages
}

#[test]
fn prose_keeps_to_100_columns() {
    let mut wrong = Vec::new();
    for page in pages(&["md", "rs", "sh", "toml", "yml"]) {
        for line in page.prose().into_iter().filter(|line| line.columns > 100) {
            wrong.push(format!("{}:{}: {}", page.path, line.number, line.columns));
        }
    }
    assert_no_more(&wrong, LONG_PROSE, "lines of prose are longer than 100 columns");
}

#[test]
fn code_keeps_to_120_columns() {
    let mut wrong = Vec::new();
    for page in pages(&["rs"]) {
        for line in page.code_over(120) {
            wrong.push(format!("{}:{}: {}", page.path, line.number, line.columns));
        }
    }
    assert_no_more(&wrong, LONG_CODE, "lines of code are longer than 120 columns");
}

#[test]
fn names_of_tests_have_60_characters_at_most() {
    let (mut all, mut wrong) = (0, Vec::new());
    for page in pages(&["rs"]) {
        for (line, name) in page.tests() {
            all += 1;
            if name.len() > 60 {
                wrong.push(format!("{}:{line}: {name}, {}", page.path, name.len()));
            }
        }
    }
    assert!(all > 900, "{all} tests: the test reads too little");
    assert_no_more(&wrong, LONG_NAMES, "names of tests are longer than 60 characters");
}

/// Functions open with a verb, as in "Returns …" and in the standard library (RFC 1574).
#[test]
fn functions_open_with_a_third_person_verb() {
    let (mut all, mut wrong) = (0, Vec::new());
    for name in CRATES {
        for source in product(&workspace().join(name).join("src")) {
            for function in documented(&source) {
                all += 1;
                if !function.opens_with_a_verb() {
                    let place = format!("{name}/src/{}:{}", source.name, function.line);
                    wrong.push(format!("{place} {}: {}", function.name, function.opening));
                }
            }
        }
    }
    assert!(all > 1000, "{all} functions: the test reads too little");
    let share = 100 * (all - wrong.len()) / all;
    assert!(share >= 90, "{share} % of {all} open with a verb, not these:\n{}", wrong.join("\n"));
}

fn opens_with_a_relative_clause(text: &str) -> bool {
    const OPENINGS: [&str; 8] = ["How", "Of which", "Where", "Which", "Who", "Whom", "Whose", "Why"];
    let is_word = |next: char| next.is_alphanumeric();
    OPENINGS.iter().any(|word| text.strip_prefix(word).is_some_and(|rest| !rest.starts_with(is_word)))
}

/// Documentation opens with a noun phrase or a verb: "Which." says nothing without the name above
/// it.
#[test]
fn documentation_opens_with_no_relative_clause() {
    let mut wrong = Vec::new();
    let is_product = |page: &Page| CRATES.iter().any(|name| page.path.starts_with(&format!("{name}/src/")));
    for page in pages(&["rs"]).into_iter().filter(is_product) {
        let mut before = "";
        for (index, line) in page.text.lines().map(str::trim).enumerate() {
            let opening = line.strip_prefix("/// ").filter(|_| !before.starts_with("///"));
            if let Some(text) = opening.filter(|text| opens_with_a_relative_clause(text)) {
                wrong.push(format!("{}:{}: {text}", page.path, index + 1));
            }
            before = line;
        }
    }
    assert_no_more(&wrong, RELATIVE_CLAUSES, "docs open with a relative clause");
}
