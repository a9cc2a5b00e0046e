//! Lines of committed files as a reader sees them: which hold prose, which hold code, and which may
//! be longer than the others.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use proc_macro2::{TokenStream, TokenTree};

use super::workspace;

/// Committed file.
#[derive(Debug)]
pub struct Page {
    /// Path from the workspace's folder.
    pub path: String,
    /// Text of the file.
    pub text: String,
}

/// Line of a file, counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// Number of the line.
    pub number: usize,
    /// Characters in the line, without the targets of links.
    pub columns: usize,
}

/// Returns the committed and the untracked files with one of these extensions.
///
/// # Panics
/// If Git cannot be run.
pub fn committed(extensions: &[&str]) -> Vec<Page> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(workspace());
    let output = git.output().expect("git runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).expect("names are UTF-8");
    let wanted = |path: &&str| extensions.iter().any(|extension| path.ends_with(&format!(".{extension}")));
    let read = |path: &str| {
        let text = fs::read_to_string(workspace().join(path)).ok()?;
        Some(Page { path: path.to_owned(), text })
    };
    listed.split('\0').filter(wanted).filter_map(read).collect()
}

impl Page {
    /// Returns the lines of prose: of comments, or of a Markdown page. Tables, diagrams and fenced
    /// code are not prose.
    pub fn prose(&self) -> Vec<Line> {
        let comment = match self.path.rsplit('.').next().unwrap_or_default() {
            "rs" => Some("//"),
            "md" => None,
            _ => Some("#"),
        };
        let mut fenced = false;
        let mut found = Vec::new();
        for (index, line) in self.text.lines().enumerate() {
            let text = line.trim_start();
            if comment.is_some_and(|comment| !text.starts_with(comment)) {
                fenced = false;
                continue;
            }
            let text = text.trim_start_matches(['/', '!', '#']).trim_start();
            if text.starts_with("```") {
                fenced = !fenced;
            } else if !fenced && !text.starts_with('|') && !is_diagram(text) && text.contains(' ') {
                found.push(Line { number: index + 1, columns: columns(line) });
            }
        }
        found
    }

    /// Returns the lines of Rust code that are longer than `columns`, except those of long
    /// literals, which no formatter breaks.
    ///
    /// # Panics
    /// If the file is not Rust.
    pub fn code_over(&self, columns: usize) -> Vec<Line> {
        let lines = self.text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
        let lines = lines.map(|(index, line)| Line { number: index + 1, columns: line.chars().count() });
        let mut long: Vec<_> = lines.filter(|line| line.columns > columns).collect();
        // Reading tokens takes most of the time.
        if !long.is_empty() {
            let tokens: TokenStream = self.text.parse().unwrap_or_else(|error| panic!("{}: {error}", self.path));
            let mut literals = BTreeSet::new();
            long_literals(tokens, &mut literals);
            long.retain(|line| !literals.contains(&line.number));
        }
        long
    }

    /// Returns the name and the line of each test in the file.
    pub fn tests(&self) -> Vec<(usize, &str)> {
        let mut marked = false;
        let mut found = Vec::new();
        for (index, line) in self.text.lines().enumerate() {
            let text = line.trim_start();
            if text.starts_with("#[") {
                marked |= text.starts_with("#[test]") || text.contains("::test]") || text.contains("::test(");
            } else if let Some((_, rest)) = text.split_once("fn ").filter(|_| marked) {
                found.push((index + 1, rest.split(['(', '<']).next().unwrap_or_default()));
                marked = false;
            } else if !text.starts_with("//") {
                marked = false;
            }
        }
        found
    }
}

fn is_diagram(text: &str) -> bool {
    text.contains(|letter| ('\u{2500}'..='\u{25ff}').contains(&letter) || letter == '→')
}

/// Returns the characters of a line, without what a reader of the page does not see.
fn columns(line: &str) -> usize {
    let mut count = 0;
    let mut rest = line;
    while let Some(start) = rest.find("](").or_else(|| rest.find("http")) {
        let target = &rest[start..];
        let end = target.find([')', ' ', '>']).unwrap_or(target.len());
        count += rest[..start].chars().count();
        rest = &target[end..];
    }
    count + rest.chars().count()
}

/// Adds the lines of every literal that spans several lines or more than 60 characters.
fn long_literals(tokens: TokenStream, lines: &mut BTreeSet<usize>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => long_literals(group.stream(), lines),
            TokenTree::Literal(literal) => {
                let (start, end) = (literal.span().start(), literal.span().end());
                if start.line != end.line || end.column - start.column > 60 {
                    lines.extend(start.line..=end.line);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(path: &str, text: &str, of: fn(&Page) -> Vec<Line>) -> Vec<usize> {
        let page = Page { path: path.to_owned(), text: text.to_owned() };
        of(&page).iter().map(|line| line.number).collect()
    }

    #[test]
    fn tables_fences_and_diagrams_are_no_prose() {
        let page = "# A head\n\nSome prose.\n\n| a | b |\n```sh\ncargo test --all\n```\nmore prose\na ─► b\n";
        assert_eq!(numbers("a.md", page, Page::prose), [1, 3, 9]);
        let code = "//! About it.\n//! ```text\n//! no prose\nfn f() {} // no line of prose\n/// Some prose.\n";
        assert_eq!(numbers("a.rs", code, Page::prose), [1, 5]);
        assert_eq!(numbers("a.sh", "#!/bin/sh\n# Says it.\necho it all\n", Page::prose), [2]);
    }

    #[test]
    fn targets_of_links_take_no_columns() {
        assert_eq!(columns("see [here](https://example.org/a/long/path) and"), "see [here) and".len());
        assert_eq!(columns("<https://example.org/a>, twice"), "<>, twice".len());
    }

    #[test]
    fn lines_of_long_literals_are_no_code() {
        let long = format!("fn f() {{\n    g(\"{}\");\n    h(\"short\");\n}}\n// About.\n", "x".repeat(70));
        assert_eq!(numbers("a.rs", &long, |page| page.code_over(0)), [1, 3, 4]);
    }

    #[test]
    fn tests_are_found_by_their_attribute() {
        let text = "#[test]\n#[cfg(unix)]\n// Why.\nfn one() {}\nfn no() {}\n#[tokio::test]\nasync fn two() {}\n#[inline]\nfn no2() {}";
        let page = Page { path: "a.rs".to_owned(), text: text.to_owned() };
        assert_eq!(page.tests(), [(4, "one"), (7, "two")]);
    }
}
