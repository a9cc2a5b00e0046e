//! Reads the annotated item: its signature, and where its body begins.
//!
//! The body is not parsed. So syntax newer than `syn` passes through, an unfinished body causes the
//! compiler's own error only once, and an annotated function compiles as fast as possible. Tokens
//! are rebuilt only where necessary, because the invisible groups that preserve the precedence of a
//! macro's fragments lose their meaning in a new stream (see [`crate::fragment`]).

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::quote_spanned;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Abi, Attribute, Token, Type, Visibility};

use crate::expand::generated_at;
use crate::fragment;
use crate::kind::Kind;
use crate::mistakes::Mistakes;
use crate::parameters::{self, Parameters};

/// A function or method with a body.
pub(crate) struct Function {
    /// Tokens of attributes, visibility, name and generics.
    pub(crate) before: TokenStream,
    pub(crate) parameters: Parameters,
    /// Tokens of the return type and the where clause.
    pub(crate) after: TokenStream,
    /// Tokens of the return type alone; empty without one.
    output: TokenStream,
    /// Return type, if it could be parsed.
    pub(crate) ty: Option<Type>,
    pub(crate) opening: Opening,
    /// `#![…]` attributes of the body, which must stay at the start of the function.
    pub(crate) inner_attributes: TokenStream,
    /// The body in its braces, without its inner attributes.
    pub(crate) body: Group,
}

/// A function up to its name. After the name only the parts that matter are parsed, so that the
/// compiler itself reports unfinished code and accepts syntax newer than `syn`.
pub(crate) struct Opening {
    pub(crate) attributes: Vec<Attribute>,
    /// True if the function has a visibility, which trait implementations must not have.
    pub(crate) visible: bool,
    pub(crate) constness: Option<Token![const]>,
    pub(crate) asyncness: Option<Token![async]>,
    pub(crate) name: Ident,
}

/// Keywords that identify the kind of an item; `fn` comes last among those that may precede it.
const ITEM_KEYWORDS: [&str; 12] =
    ["struct", "enum", "union", "trait", "impl", "mod", "static", "type", "use", "macro_rules", "macro", "fn"];

/// Reads the annotated item; `options` are the attribute's arguments.
pub(crate) fn read(kind: Kind, item: TokenStream, options: TokenStream, mistakes: &mut Mistakes) -> Option<Function> {
    let mut head: Vec<_> = flattened(item).into_iter().collect();
    let body = head.pop().and_then(braces);
    let keyword = item_keyword(&head);
    let parsed = Opening::parse_beginning.parse2(head.iter().cloned().collect());
    let attribute = kind.attribute();
    match (keyword, parsed, body) {
        (Some(keyword), ..) if keyword != "fn" => {
            let what = format!(
                "`{attribute}` goes on a function with a body, not on `{keyword}`: put it on the functions to be timed"
            );
            mistakes.at(keyword, what);
            None
        }
        (Some(_), Ok(opening), Some(body)) => Function::new(&head, opening, &body, options),
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

impl Function {
    fn new(head: &[TokenTree], opening: Opening, body: &Group, options: TokenStream) -> Option<Self> {
        let (at, group) = parenthesized(head)?;
        let (before, after) = (&head[..at], &head[at + 1..]);
        let (inner_attributes, body) = split_inner_attributes(body);
        let output = fragment::types(output(after));
        Some(Self {
            before: fragment::types(before),
            parameters: parameters::read(group, &output, options),
            after: fragment::types(after),
            ty: syn::parse2(output.clone()).ok(),
            output,
            opening,
            inner_attributes,
            body,
        })
    }

    /// Returns the return type as written. Without one, returns `()` with the span of the
    /// function's name for errors.
    pub(crate) fn output(&self) -> TokenStream {
        if self.output.is_empty() {
            return quote_spanned!(generated_at(self.opening.name.span())=> ());
        }
        self.output.clone()
    }

    /// Returns whether the function has a return type that could not be parsed.
    pub(crate) fn is_unclear(&self) -> bool {
        self.ty.is_none() && !self.output.is_empty()
    }
}

impl Opening {
    fn parse_beginning(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visible = !matches!(input.parse()?, Visibility::Inherited);
        input.parse::<Option<Token![default]>>()?;
        let constness = input.parse()?;
        let asyncness = input.parse()?;
        input.call(safety)?;
        input.parse::<Option<Abi>>()?;
        input.parse::<Token![fn]>()?;
        let name = input.call(Ident::parse_any)?;
        input.parse::<TokenStream>()?;
        Ok(Self { attributes, visible, constness, asyncness, name })
    }
}

fn safety(input: ParseStream<'_>) -> syn::Result<()> {
    input.parse::<Option<Token![unsafe]>>()?;
    if input.peek(Ident::peek_any) && !input.peek(Token![extern]) && !input.peek(Token![fn]) {
        let ahead = input.fork();
        if ahead.call(Ident::parse_any)? == "safe" {
            input.call(Ident::parse_any)?;
        }
    }
    Ok(())
}

/// Removes the invisible delimiters around an item that is a macro's fragment.
pub(crate) fn flattened(item: TokenStream) -> TokenStream {
    let mut trees = item.clone().into_iter();
    match (trees.next(), trees.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::None => flattened(group.stream()),
        _ => item,
    }
}

/// Returns the tree if it is a group in braces. A `$body:block` has invisible delimiters around the
/// braces.
pub(crate) fn braces(tree: TokenTree) -> Option<Group> {
    match tree {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            group.stream().into_iter().next().and_then(braces)
        }
        _ => None,
    }
}

pub(crate) fn item_keyword(head: &[TokenTree]) -> Option<Ident> {
    let mut idents = head.iter().enumerate().filter_map(|(at, tree)| match tree {
        TokenTree::Ident(ident) => Some((at, ident)),
        _ => None,
    });
    let is_constant = |at: usize| matches!(head.get(at + 2), Some(TokenTree::Punct(colon)) if colon.as_char() == ':');
    let found = idents.clone().find(|(at, ident)| {
        (*ident == "const" && is_constant(*at)) || ITEM_KEYWORDS.iter().any(|keyword| ident == keyword)
    });
    // Foreign blocks and `extern crate` have no keyword but `extern`.
    found.or_else(|| idents.find(|(_, ident)| *ident == "extern")).map(|(_, ident)| ident.clone())
}

pub(crate) fn name_after(keyword: &Ident, head: &[TokenTree]) -> Option<Ident> {
    let mut trees = head.iter().skip_while(|tree| !matches!(tree, TokenTree::Ident(ident) if ident == keyword));
    match trees.nth(1) {
        Some(TokenTree::Ident(name)) => Some(name.clone()),
        _ => None,
    }
}

/// Finds the parameters and their position: the first parentheses after the name outside angle
/// brackets.
fn parenthesized(head: &[TokenTree]) -> Option<(usize, &Group)> {
    let name = head.iter().position(|tree| is_ident(tree, "fn"))? + 1;
    let (mut depth, mut dash) = (0_usize, false);
    for (at, tree) in head.iter().enumerate().skip(name) {
        match tree {
            TokenTree::Group(group) if depth == 0 && group.delimiter() == Delimiter::Parenthesis => {
                return Some((at, group));
            }
            TokenTree::Punct(punct) if punct.as_char() == '<' => depth += 1,
            TokenTree::Punct(punct) if punct.as_char() == '>' && !dash => depth = depth.saturating_sub(1),
            _ => {}
        }
        dash = is_punct(tree, '-');
    }
    None
}

/// Returns the tokens between the arrow and the where clause.
fn output(after: &[TokenTree]) -> &[TokenTree] {
    let end = after.iter().position(|tree| is_ident(tree, "where")).unwrap_or(after.len());
    let begins = after.first().is_some_and(|tree| is_punct(tree, '-'));
    if begins { after.get(2..end).unwrap_or_default() } else { &[] }
}

pub(crate) fn is_ident(tree: &TokenTree, name: &str) -> bool {
    matches!(tree, TokenTree::Ident(ident) if ident == name)
}

pub(crate) fn is_punct(tree: &TokenTree, sign: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == sign)
}

/// Splits the inner attributes from the body. Without any, the body stays the user's own group.
fn split_inner_attributes(body: &Group) -> (TokenStream, Group) {
    let statements: Vec<_> = body.stream().into_iter().collect();
    let is = |at: usize, sign| statements.get(at).is_some_and(|tree| is_punct(tree, sign));
    let mut at = 0;
    while is(at, '#') && is(at + 1, '!') {
        at += 3;
    }
    let (inner, rest) = statements.split_at(at.min(statements.len()));
    if inner.is_empty() {
        return (TokenStream::new(), body.clone());
    }
    let mut bare = Group::new(Delimiter::Brace, fragment::expressions(rest));
    bare.set_span(body.span());
    (inner.iter().cloned().collect(), bare)
}
