//! Removes code under `cfg(test)` from a file's tokens.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A `mod name;` under `cfg(test)`.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) name: String,
    /// Value of the module's `#[path]`.
    pub(super) path: Option<String>,
}

/// A file without its tests.
#[derive(Debug, Default)]
pub(super) struct Product {
    pub(super) tokens: Vec<TokenTree>,
    /// Removed modules that are separate files.
    pub(super) modules: Vec<Module>,
}

/// Removes every item, field, match arm and statement under `cfg(test)`, and every doc comment.
pub(super) fn product(tokens: TokenStream) -> Product {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut product = Product::default();
    let mut at = 0;
    while at < tokens.len() {
        let Some((attributes, end)) = attributes(&tokens, at) else {
            match &tokens[at] {
                TokenTree::Group(group) => {
                    let inside = self::product(group.stream());
                    product.modules.extend(inside.modules);
                    let mut kept = Group::new(group.delimiter(), inside.tokens.into_iter().collect());
                    kept.set_span(group.span());
                    product.tokens.push(kept.into());
                }
                token => product.tokens.push(token.clone()),
            }
            at += 1;
            continue;
        };
        if attributes.iter().any(|attribute| is_test(attribute)) {
            // `#![cfg(test)]` applies to everything that follows.
            let is_inner = is_punct(&tokens[at + 1], '!');
            let item_end = if is_inner { tokens.len() } else { item(&tokens, end) };
            product.modules.extend(module(&tokens[end..item_end], &attributes));
            at = item_end;
        } else {
            let written = attributes.iter().filter(|attribute| !is_comment(attribute));
            product.tokens.extend(written.flat_map(|attribute| attribute.iter().cloned()));
            at = end;
        }
    }
    product
}

/// Collects the numbers of the lines that contain tokens.
pub(super) fn lines(tokens: &[TokenTree], found: &mut BTreeSet<usize>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                if group.delimiter() != Delimiter::None {
                    found.extend([group.span_open().start().line, group.span_close().end().line]);
                }
                lines(&group.stream().into_iter().collect::<Vec<_>>(), found);
            }
            token => found.extend(token.span().start().line..=token.span().end().line),
        }
    }
}

/// Returns the attributes at an index, each with its `#`, and the index after them; `None` if there
/// are none.
fn attributes(tokens: &[TokenTree], begin: usize) -> Option<(Vec<&[TokenTree]>, usize)> {
    let (mut found, mut at) = (Vec::new(), begin);
    while tokens.get(at).is_some_and(|token| is_punct(token, '#')) {
        let group = at + 1 + usize::from(tokens.get(at + 1).is_some_and(|token| is_punct(token, '!')));
        match tokens.get(group) {
            Some(TokenTree::Group(inside)) if inside.delimiter() == Delimiter::Bracket => {}
            _ => break,
        }
        found.push(&tokens[at..=group]);
        at = group + 1;
    }
    (at > begin).then_some((found, at))
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn text(attribute: &[TokenTree]) -> String {
    attribute.last().map(|group| group.to_string().replace(' ', "")).unwrap_or_default()
}

fn is_test(attribute: &[TokenTree]) -> bool {
    if is_comment(attribute) {
        return false;
    }
    let text = text(attribute);
    text == "[cfg(test)]" || text.starts_with("[cfg(all(test,") || text == "[test]"
}

/// Returns whether an attribute is written as `///` or `//!`.
fn is_comment(attribute: &[TokenTree]) -> bool {
    let text = attribute[0].span().source_text().unwrap_or_default();
    text.starts_with('/') || text.is_empty()
}

/// Returns the index after the item that starts at `begin`.
fn item(tokens: &[TokenTree], begin: usize) -> usize {
    let mut keyword = None;
    for (at, token) in tokens.iter().enumerate().skip(begin) {
        match token {
            TokenTree::Ident(ident) => {
                let word = ident.to_string();
                let decides = ["enum", "fn", "impl", "macro_rules", "mod", "struct", "trait", "union"];
                let ends_late = ["const", "extern", "let", "static", "type", "use"];
                if decides.contains(&word.as_str()) && keyword != Some("late")
                    || keyword == Some("late") && word == "fn"
                {
                    keyword = Some("item");
                } else if keyword.is_none() && ends_late.contains(&word.as_str()) {
                    keyword = Some("late");
                }
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && keyword != Some("late") => {
                return at + 1;
            }
            token if is_punct(token, ';') || keyword.is_none() && is_punct(token, ',') => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Returns the module that an item declares, if it has no body.
fn module(item: &[TokenTree], attributes: &[&[TokenTree]]) -> Option<Module> {
    let keyword = item.iter().position(|token| token.to_string() == "mod")?;
    let name = item.get(keyword + 1)?.to_string();
    item.get(keyword + 2).filter(|token| is_punct(token, ';'))?;
    let path = attributes
        .iter()
        .find_map(|attribute| Some(text(attribute).strip_prefix("[path=\"")?.strip_suffix("\"]")?.to_owned()));
    Some(Module { name, path })
}
