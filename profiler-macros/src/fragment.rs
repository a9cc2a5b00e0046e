//! Preserves the precedence of `macro_rules!` fragments in generated token streams.
//!
//! `$e:expr` reaches a procedural macro as a group without visible delimiters. The compiler honours
//! such a group only while its stream is passed on unchanged. In a stream that a procedural macro
//! builds it sees only the group's tokens, and `$e * 2` with `1 + 2` becomes 5. So groups in
//! streams that are built here get parentheses.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use syn::buffer::Cursor;

use crate::expand::generated_at;

/// Returns the original trees between two positions of a parser.
pub(crate) fn between(mut begin: Cursor<'_>, end: Cursor<'_>) -> Vec<TokenTree> {
    let mut trees = Vec::new();
    while begin != end {
        let Some((tree, next)) = begin.token_tree() else { break };
        trees.push(tree);
        begin = next;
    }
    trees
}

/// Rebuilds trees that may contain expressions, with parentheses around fragments that are
/// expressions of more than one token.
pub(crate) fn expressions(trees: &[TokenTree]) -> TokenStream {
    rebuilt(trees, |fragment| fragment.clone().into_iter().count() > 1 && is_expression(fragment))
}

/// Rebuilds trees of a signature, with parentheses around fragments that have a `+` or a `|` at
/// their top level.
pub(crate) fn types(trees: &[TokenTree]) -> TokenStream {
    rebuilt(trees, |fragment| {
        fragment
            .clone()
            .into_iter()
            .any(|tree| matches!(tree, TokenTree::Punct(punct) if matches!(punct.as_char(), '+' | '|')))
    })
}

fn rebuilt(trees: &[TokenTree], needs_parentheses: impl Fn(&TokenStream) -> bool) -> TokenStream {
    let parenthesized = |tree: &TokenTree| match tree {
        TokenTree::Group(group) if group.delimiter() == Delimiter::None && needs_parentheses(&group.stream()) => {
            let mut parentheses = Group::new(Delimiter::Parenthesis, group.stream());
            parentheses.set_span(generated_at(group.span()));
            TokenTree::Group(parentheses)
        }
        other => other.clone(),
    };
    trees.iter().map(parenthesized).collect()
}

/// Returns whether a fragment is an expression, rather than a statement, a pattern, a type or an
/// item.
fn is_expression(fragment: &TokenStream) -> bool {
    use syn::Expr::{Let, Macro, Verbatim};
    syn::parse2(fragment.clone()).is_ok_and(|expression| !matches!(expression, Let(_) | Macro(_) | Verbatim(_)))
}
