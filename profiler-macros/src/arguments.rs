//! Parses the arguments of an attribute or a block macro:
//! `"name", key = value, key(values…), key(name = value, …)`.
//!
//! The parser does not interpret option names; [`crate::options`] does. It reports a syntax error
//! and skips to the next comma, so that the arguments after the error are still checked.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{End, Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Expr, Token, parenthesized, token};

use crate::expand::generated_at;
use crate::fragment;
use crate::kind::{self, Form};
use crate::mistakes::Mistakes;

/// One argument of an attribute or a block macro.
pub(crate) enum Argument {
    /// `"name"`, or another expression without a key.
    Positional(Value),
    /// `key`, or `key =` with nothing after it.
    Bare(Ident),
    /// `key = value`.
    Assigned(Ident, Value),
    /// `key(value, …)`.
    Listed(Ident, Vec<Value>),
    /// `key(name = value, …)`.
    Named(Ident, Vec<(Ident, Value)>),
}

/// An expression with its original tokens. Printing a parsed expression would lose the precedence
/// of a macro's fragments.
pub(crate) struct Value {
    pub(crate) expression: Expr,
    tokens: TokenStream,
}

impl Parse for Value {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let begin = input.cursor();
        let expression = input.parse()?;
        Ok(Self { expression, tokens: fragment::expressions(&fragment::between(begin, input.cursor())) })
    }
}

impl ToTokens for Value {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(self.tokens.clone());
    }
}

impl Value {
    /// Returns an identifier as a value.
    pub(crate) fn of_ident(ident: &Ident) -> Self {
        Self { expression: syn::parse_quote!(#ident), tokens: ident.to_token_stream() }
    }

    /// Returns `&value`, with parentheses if `&` would bind only to a part of the value.
    pub(crate) fn borrowed(&self) -> TokenStream {
        match &self.expression {
            Expr::Path(_)
            | Expr::Field(_)
            | Expr::MethodCall(_)
            | Expr::Call(_)
            | Expr::Index(_)
            | Expr::Macro(_)
            | Expr::Paren(_)
            | Expr::Group(_) => quote_spanned!(generated_at(self.expression.span())=> &#self),
            other => quote_spanned!(generated_at(other.span())=> &(#self)),
        }
    }
}

/// Parses the arguments between the parentheses of an attribute or a macro.
pub(crate) fn read(form: Form, tokens: TokenStream, mistakes: &mut Mistakes) -> Vec<Argument> {
    let all = |input: ParseStream<'_>| {
        let mut arguments = Vec::new();
        while !input.is_empty() {
            let parsed = match form.takes_expression(arguments.len()) {
                true if !is_option(input) => input.parse().map(Argument::Positional),
                _ => argument(input),
            };
            match parsed {
                Ok(argument) => arguments.push(argument),
                Err(error) => {
                    mistakes.add(error);
                    skip_to_comma(input)?;
                }
            }
            if !input.is_empty() && !input.peek(Token![,]) {
                mistakes.add(input.error("expected a comma before the next argument"));
                skip_to_comma(input)?;
            }
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(arguments)
    };
    match all.parse2(tokens) {
        Ok(arguments) => arguments,
        Err(error) => {
            mistakes.add(error);
            Vec::new()
        }
    }
}

fn argument(input: ParseStream<'_>) -> syn::Result<Argument> {
    if !input.peek(Ident::peek_any) {
        return input.parse().map(Argument::Positional);
    }
    if is_assignment(input) {
        let key = input.call(Ident::parse_any)?;
        input.parse::<Token![=]>()?;
        if input.is_empty() || input.peek(Token![,]) {
            return Ok(Argument::Bare(key));
        }
        return Ok(Argument::Assigned(key, input.parse()?));
    }
    if input.peek2(token::Paren) {
        let key = input.call(Ident::parse_any)?;
        let listed;
        parenthesized!(listed in input);
        if is_assignment(&listed) {
            let values = listed.call(|input| Punctuated::<_, Token![,]>::parse_terminated_with(input, named))?;
            return Ok(Argument::Named(key, values.into_iter().collect()));
        }
        let values = listed.call(Punctuated::<Value, Token![,]>::parse_terminated)?;
        return Ok(Argument::Listed(key, values.into_iter().collect()));
    }
    if input.peek2(Token![,]) || input.peek2(End) {
        return input.call(Ident::parse_any).map(Argument::Bare);
    }
    input.parse().map(Argument::Positional)
}

/// Returns whether an option comes next, rather than an expression that may begin as one does.
fn is_option(input: ParseStream<'_>) -> bool {
    if is_assignment(input) {
        return true;
    }
    let ahead = input.fork();
    match ahead.call(Ident::parse_any) {
        Ok(name) if ahead.peek(token::Paren) => {
            let names_a_value = |input: ParseStream<'_>| {
                let listed;
                parenthesized!(listed in input);
                let named = is_assignment(&listed);
                listed.parse::<TokenStream>()?;
                syn::Result::Ok(named)
            };
            kind::is_option(&name) || names_a_value(&ahead).unwrap_or(false)
        }
        _ => false,
    }
}

/// Returns whether `name =` comes next.
fn is_assignment(input: ParseStream<'_>) -> bool {
    input.peek(Ident::peek_any) && input.peek2(Token![=]) && !input.peek2(Token![==])
}

fn named(input: ParseStream<'_>) -> syn::Result<(Ident, Value)> {
    if !is_assignment(input) {
        let error = input.error("expected a name and its value, as in `tokens = n`");
        // Consumes the remaining tokens, which would be reported as a second mistake.
        input.parse::<TokenStream>()?;
        return Err(error);
    }
    let name = input.call(Ident::parse_any)?;
    input.parse::<Token![=]>()?;
    Ok((name, input.parse()?))
}

fn skip_to_comma(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}
