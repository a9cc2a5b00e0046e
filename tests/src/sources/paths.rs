//! Collects the paths in a file: every import, unfolded, and every path in its code.

use proc_macro2::{Delimiter, TokenTree};

/// A path in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Import {
    /// Inline modules of the file around the path.
    pub(super) within: Vec<String>,
    /// Segments, such as `crate`, `record`, `gate`; the last is `*` for a glob import.
    pub(super) path: Vec<String>,
    /// Name in the file, if the path is an import.
    pub(super) name: Option<String>,
}

/// Returns every path in these tokens, except for those that a macro expands in its user's code
/// (`$crate::…`).
pub(super) fn imports(tokens: &[TokenTree]) -> Vec<Import> {
    let mut found = Vec::new();
    read(tokens, &[], &mut found);
    found
}

fn read(tokens: &[TokenTree], within: &[String], found: &mut Vec<Import>) {
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += match token {
            TokenTree::Ident(word) if word == "use" => {
                let end = tokens[at..].iter().position(|token| is(token, ';')).unwrap_or(tokens.len() - at);
                tree(&tokens[at + 1..at + end], &[], within, found);
                end
            }
            TokenTree::Ident(word) if word == "mod" => match &tokens[at + 1..] {
                [name, TokenTree::Group(body), ..] => {
                    let inner = [within, &[name.to_string()]].concat();
                    read(&body.stream().into_iter().collect::<Vec<_>>(), &inner, found);
                    3
                }
                _ => 1,
            },
            // `pub(in crate::export)` is a visibility and uses nothing.
            TokenTree::Ident(word) if word == "pub" => match tokens.get(at + 1) {
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => 2,
                _ => 1,
            },
            TokenTree::Ident(_) => {
                let path = names(&tokens[at..]);
                let (length, is_users) = (3 * path.len() - 2, at > 0 && is(&tokens[at - 1], '$'));
                if path.len() > 1 && !is_users {
                    found.push(Import { within: within.to_vec(), path, name: None });
                }
                length
            }
            TokenTree::Group(group) => {
                read(&group.stream().into_iter().collect::<Vec<_>>(), within, found);
                1
            }
            _ => 1,
        };
    }
}

/// Returns the segments of the path that begins here.
fn names(tokens: &[TokenTree]) -> Vec<String> {
    let mut path = vec![tokens[0].to_string()];
    let mut rest = &tokens[1..];
    while let [first, second, TokenTree::Ident(next), ..] = rest
        && is(first, ':')
        && is(second, ':')
    {
        path.push(next.to_string());
        rest = &rest[3..];
    }
    path
}

/// Unfolds `a::{b, c::d as e}`.
fn tree(tokens: &[TokenTree], before: &[String], within: &[String], found: &mut Vec<Import>) {
    let mut path = before.to_vec();
    let mut alias = None;
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Ident(word) if word == "as" => {
                alias = tokens.get(at + 1).map(ToString::to_string);
                at += 1;
            }
            TokenTree::Ident(word) => path.push(word.to_string()),
            TokenTree::Group(group) => {
                let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                for part in inside.split(|token| is(token, ',')).filter(|part| !part.is_empty()) {
                    tree(part, &path, within, found);
                }
                return;
            }
            token if is(token, '*') => path.push("*".to_owned()),
            _ => {}
        }
        at += 1;
    }
    if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
        path.pop();
    }
    let name = alias.or_else(|| path.last().cloned());
    found.push(Import { within: within.to_vec(), path, name });
}

fn is(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}
