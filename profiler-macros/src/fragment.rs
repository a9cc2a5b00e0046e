//! Fragments of a macro, kept whole.
//!
//! `$e:expr` reaches a procedural macro as a group without visible delimiters. The compiler honours such a group as long
//! as the stream it is in is passed on as it came; in a stream that a procedural macro builds it is taken for its mere
//! tokens, and `$e * 2` with `1 + 2` becomes 5. Where a stream has to be built, the group gets parentheses.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use syn::buffer::Cursor;

use crate::expand::ours_at;

/// Returns the trees from one place of a parser to another, as they were written.
pub(crate) fn between(mut begin: Cursor<'_>, end: Cursor<'_>) -> Vec<TokenTree> {
    let mut trees = Vec::new();
    while begin != end {
        let Some((tree, next)) = begin.token_tree() else { break };
        trees.push(tree);
        begin = next;
    }
    trees
}

/// Trees in whose place an expression may stand: fragments of more than a token are put into parentheses.
pub(crate) fn expressions(trees: &[TokenTree]) -> TokenStream {
    rebuilt(trees, |fragment| fragment.clone().into_iter().count() > 1 && is_expression(fragment))
}

/// Trees of a signature: fragments with a `+` or a `|` at their top are put into parentheses.
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

/// Returns whether it is an expression, rather than a statement, a pattern, a type or an item.
fn is_expression(fragment: &TokenStream) -> bool {
    use syn::Expr::{Let, Macro, Verbatim};
    syn::parse2(fragment.clone()).is_ok_and(|expression| !matches!(expression, Let(_) | Macro(_) | Verbatim(_)))
}
