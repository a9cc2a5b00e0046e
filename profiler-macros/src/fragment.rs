//! Fragments of a macro, kept whole.
//!
//! `$e:expr` reaches a procedural macro as a group without visible delimiters. The compiler honours
//! such a group as long as its stream is passed on unchanged; in a stream that a procedural macro
//! builds, the compiler sees only the group's tokens, and `$e * 2` with `1 + 2` becomes 5. Where a
//! stream has to be built, the group gets parentheses.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use syn::buffer::Cursor;

use crate::expand::ours_at;

/// Returns the trees between two positions of a parser, as they were written.
pub(crate) fn between(mut begin: Cursor<'_>, end: Cursor<'_>) -> Vec<TokenTree> {
    let mut trees = Vec::new();
    while begin != end {
        let Some((tree, next)) = begin.token_tree() else { break };
        trees.push(tree);
        begin = next;
    }
    trees
}

/// Returns trees where an expression may stand, with parentheses around expressions of more than
/// one token.
pub(crate) fn expressions(trees: &[TokenTree]) -> TokenStream {
    rebuilt(trees, |fragment| fragment.clone().into_iter().count() > 1 && is_expression(fragment))
}

/// Returns trees of a signature, with parentheses around fragments that have a `+` or a `|` at
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
    let whole = |tree: &TokenTree| match tree {
        TokenTree::Group(group) if group.delimiter() == Delimiter::None && needs_parentheses(&group.stream()) => {
            let mut parentheses = Group::new(Delimiter::Parenthesis, group.stream());
            parentheses.set_span(ours_at(group.span()));
            TokenTree::Group(parentheses)
        }
        other => other.clone(),
    };
    trees.iter().map(whole).collect()
}

/// Returns whether a fragment is an expression, rather than a statement, a pattern, a type or an
/// item.
fn is_expression(fragment: &TokenStream) -> bool {
    use syn::Expr::{Let, Macro, Verbatim};
    syn::parse2(fragment.clone()).is_ok_and(|expression| !matches!(expression, Let(_) | Macro(_) | Verbatim(_)))
}
