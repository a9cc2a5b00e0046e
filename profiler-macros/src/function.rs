//! The annotated item, read just far enough: its signature and where its body begins.
//!
//! The tokens before the body are kept as they are and the body is not parsed: syntax that `syn` does not know yet
//! passes through, and an annotated function compiles as fast as it can.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Signature, Token, Visibility};

use crate::kind::Kind;
use crate::mistakes::Mistakes;

/// A function or method with a body.
pub(crate) struct Function {
    /// Everything before the body: attributes, visibility, signature.
    pub(crate) head: TokenStream,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) signature: Signature,
    /// `#![…]` at the start of the body: they must stay at the start of the function.
    pub(crate) inner_attributes: TokenStream,
    /// The body in its braces, without its inner attributes.
    pub(crate) body: Group,
}

/// Keywords by which an item is told from others; `fn` last among those that may precede it.
const ITEM_KEYWORDS: [&str; 12] =
    ["struct", "enum", "union", "trait", "impl", "mod", "static", "type", "use", "macro_rules", "macro", "fn"];

/// Reads the item that the attribute is on.
pub(crate) fn read(kind: Kind, item: TokenStream, mistakes: &mut Mistakes) -> Option<Function> {
    let mut head: Vec<_> = flattened(item).into_iter().collect();
    let body = head.pop().and_then(braces);
    let keyword = item_keyword(&head);
    let parsed = split_signature.parse2(head.iter().cloned().collect());
    let attribute = kind.attribute();
    match (keyword, parsed, body) {
        (Some(keyword), ..) if keyword != "fn" => {
            let what = format!(
                "`{attribute}` goes on a function with a body, not on `{keyword}`: put it on the functions to be timed"
            );
            mistakes.at(keyword, what);
            None
        }
        (Some(_), Ok((attributes, signature)), Some(body)) => {
            let (inner_attributes, body) = split_inner_attributes(&body);
            Some(Function { head: head.into_iter().collect(), attributes, signature, inner_attributes, body })
        }
        (Some(keyword), _, None) => {
            let name = name_after(&keyword, &head).unwrap_or(keyword);
            let what = format!(
                "`{name}` has no body that could be timed: put `{attribute}` on the functions that implement or call it"
            );
            mistakes.at(name, what);
            None
        }
        (_, Err(error), _) => {
            mistakes.add(error);
            None
        }
        (None, Ok(_), _) => None,
    }
}

/// The item without the invisible delimiters in which a macro's fragment comes.
fn flattened(item: TokenStream) -> TokenStream {
    let mut trees = item.clone().into_iter();
    match (trees.next(), trees.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::None => flattened(group.stream()),
        _ => item,
    }
}

/// The group, if it is in braces; a `$body:block` comes with invisible ones around them.
fn braces(tree: TokenTree) -> Option<Group> {
    match tree {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            group.stream().into_iter().next().and_then(braces)
        }
        _ => None,
    }
}

fn item_keyword(head: &[TokenTree]) -> Option<Ident> {
    let mut idents = head.iter().enumerate().filter_map(|(at, tree)| match tree {
        TokenTree::Ident(ident) => Some((at, ident)),
        _ => None,
    });
    let is_constant = |at: usize| matches!(head.get(at + 2), Some(TokenTree::Punct(colon)) if colon.as_char() == ':');
    let found = idents.clone().find(|(at, ident)| {
        (*ident == "const" && is_constant(*at)) || ITEM_KEYWORDS.iter().any(|keyword| ident == keyword)
    });
    // A block of foreign functions and `extern crate` have no keyword of their own.
    found.or_else(|| idents.find(|(_, ident)| *ident == "extern")).map(|(_, ident)| ident.clone())
}

fn name_after(keyword: &Ident, head: &[TokenTree]) -> Option<Ident> {
    let mut trees = head.iter().skip_while(|tree| !matches!(tree, TokenTree::Ident(ident) if ident == keyword));
    match trees.nth(1) {
        Some(TokenTree::Ident(name)) => Some(name.clone()),
        _ => None,
    }
}

fn split_signature(input: ParseStream<'_>) -> syn::Result<(Vec<Attribute>, Signature)> {
    let attributes = input.call(Attribute::parse_outer)?;
    input.parse::<Visibility>()?;
    input.parse::<Option<Token![default]>>()?;
    Ok((attributes, input.parse()?))
}

fn split_inner_attributes(body: &Group) -> (TokenStream, Group) {
    let mut statements = body.stream().into_iter().peekable();
    let mut inner = TokenStream::new();
    let is = |tree: Option<&TokenTree>, sign| matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == sign);
    while is(statements.peek(), '#') {
        let mut ahead = statements.clone().skip(1);
        if !is(ahead.next().as_ref(), '!') {
            break;
        }
        inner.extend(statements.by_ref().take(3));
    }
    let mut rest = Group::new(Delimiter::Brace, statements.collect());
    rest.set_span(body.span());
    (inner, rest)
}
