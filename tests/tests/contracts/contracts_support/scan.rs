//! Strings in the product's sources, in whichever file they are.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use proc_macro2::{Delimiter, TokenTree};
use profiler_tests::sources::{product, workspace};

/// Returns the words of every crate's sources, file by file: identifiers, signs, and literals as
/// they are written.
pub(crate) fn words() -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for folder in crates() {
        for source in product(&folder.join("src")) {
            let mut words = Vec::new();
            flatten(&source.tokens, &mut words);
            found.push(words);
        }
    }
    found
}

/// Returns the folders of the published crates.
pub(crate) fn crates() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(workspace()).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| {
        let is_ours = folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("profiler-"));
        is_ours && folder.join("Cargo.toml").exists()
    });
    folders.sort();
    folders
}

fn flatten(tokens: &[TokenTree], words: &mut Vec<String>) {
    for token in tokens {
        let TokenTree::Group(group) = token else {
            words.push(token.to_string());
            continue;
        };
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::None => ("", ""),
        };
        words.push(open.to_owned());
        flatten(&group.stream().into_iter().collect::<Vec<_>>(), words);
        words.push(close.to_owned());
    }
}

/// Returns the text of a string literal, with its continued lines joined, or `None` for any other
/// word.
pub(crate) fn text(word: &str) -> Option<String> {
    let inside = word.strip_prefix('"')?.strip_suffix('"')?;
    let mut lines = inside.split("\\\n");
    let first = lines.next()?.to_owned();
    Some(lines.fold(first, |text, line| text + line.trim_start()))
}

/// Returns the words at the pattern's `_`, for every place that matches the pattern.
pub(crate) fn matches(words: &[Vec<String>], pattern: &[&str]) -> BTreeSet<Vec<String>> {
    let fits = |window: &[String]| {
        let same = window.iter().zip(pattern).all(|(word, wanted)| *wanted == "_" || word == wanted);
        let taken = window.iter().zip(pattern).filter(|(_, wanted)| **wanted == "_").map(|(word, _)| word.clone());
        same.then(|| taken.collect::<Vec<_>>())
    };
    words.iter().flat_map(|words| words.windows(pattern.len()).filter_map(fits)).collect()
}

/// Returns the names of an enum's variants.
pub(crate) fn variants(words: &[Vec<String>], name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for file in words {
        let Some(begin) = file.windows(3).position(|three| three[0] == "enum" && three[1] == name && three[2] == "{")
        else {
            continue;
        };
        let mut depth = 0;
        for word in &file[begin + 2..] {
            match word.as_str() {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => depth -= 1,
                word if depth == 1 && word.starts_with(char::is_uppercase) => found.push(word.to_owned()),
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    found
}
