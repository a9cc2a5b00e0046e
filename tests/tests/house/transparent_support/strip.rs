//! Source without our attributes: comments of the same length replace them, so that everything else
//! stays at its line and column.

use std::ops::Range;

/// Rust file, with the places of our attributes.
pub(crate) struct Source {
    text: String,
    attributes: Vec<Range<usize>>,
}

impl Source {
    pub(crate) fn new(text: String) -> Self {
        let attributes = text.match_indices("#[profiled_").map(|(at, _)| at..closed(&text, at)).collect();
        Self { text, attributes }
    }

    /// Returns the number of annotated functions; a function of a macro counts once.
    pub(crate) fn annotated(&self) -> usize {
        self.attributes.len()
    }

    /// Returns the text without the attributes and their imports.
    pub(crate) fn plain(&self) -> String {
        let imports = self.text.match_indices("use profiler_runtime::{profiled_").map(|(at, _)| {
            let length = self.text[at..].find(';').expect("an import ends");
            at..at + length + 1
        });
        let mut plain = self.text.clone();
        for range in self.attributes.iter().cloned().chain(imports) {
            let comment: String = blank(&self.text[range.clone()]);
            plain.replace_range(range, &comment);
        }
        plain
    }

    /// Returns whether a line and column, counted from 1, are inside the options of one of our
    /// attributes: the plain program has none, so it cannot have their lints.
    pub(crate) fn is_in_options(&self, line: usize, column: usize) -> bool {
        let start: usize = self.text.split_inclusive('\n').take(line - 1).map(str::len).sum();
        let at = start + column - 1;
        self.attributes.iter().any(|range| {
            let options = self.text[range.clone()].find('(').map(|paren| range.start + paren);
            options.is_some_and(|options| options < at && at < range.end)
        })
    }

    /// Returns the name of the function around a line.
    pub(crate) fn function_at(&self, line: usize) -> &str {
        let lines: Vec<&str> = self.text.lines().take(line).collect();
        let name = lines.iter().rev().find_map(|line| line.split_once("fn ")).map(|(_, rest)| rest);
        name.and_then(|rest| rest.split(['(', '<']).next()).unwrap_or("")
    }
}

/// Returns the end of the attribute that begins at `start`.
fn closed(text: &str, start: usize) -> usize {
    let mut depth = 0;
    for (at, byte) in text.bytes().enumerate().skip(start) {
        match byte {
            b'[' => depth += 1,
            b']' if depth == 1 => return at + 1,
            b']' => depth -= 1,
            _ => {}
        }
    }
    panic!("an attribute does not end: {}", &text[start..])
}

/// Returns a comment with as many lines and columns as `code`.
fn blank(code: &str) -> String {
    let inside: String = code[2..code.len() - 2].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
    format!("/*{inside}*/")
}

#[test]
fn a_comment_takes_the_place_of_an_attribute() {
    let source = Source::new("#[profiled_op(shapes([a[0], b]))]\n#[inline]\nfn f() {}".to_owned());
    assert_eq!(source.plain(), format!("/*{}*/\n#[inline]\nfn f() {{}}", " ".repeat(29)));
    assert!(source.is_in_options(1, 20) && !source.is_in_options(1, 1) && !source.is_in_options(2, 5));
    assert_eq!((source.function_at(3), source.annotated()), ("f", 1));
}
