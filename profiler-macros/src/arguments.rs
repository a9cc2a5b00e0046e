//! Syntax of an attribute's arguments: `"name", key = value, key(values…)`.
//!
//! Knows no option by name; [`crate::options`] gives the arguments their meaning. A syntax error is reported and
//! skipped up to the next comma, so that the arguments after it are still checked.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{End, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Expr, Token, parenthesized, token};

use crate::mistakes::Mistakes;

/// One argument.
pub(crate) enum Argument {
    /// `"name"`, or another expression without a key.
    Positional(Expr),
    /// `key`, or `key =` with nothing after it.
    Bare(Ident),
    /// `key = value`.
    Assigned(Ident, Expr),
    /// `key(value, …)`.
    Listed(Ident, Vec<Expr>),
}

/// Reads what stands between the attribute's parentheses.
pub(crate) fn read(tokens: TokenStream, mistakes: &mut Mistakes) -> Vec<Argument> {
    let all = |input: ParseStream<'_>| {
        let mut arguments = Vec::new();
        while !input.is_empty() {
            match argument(input) {
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
    if input.peek2(Token![=]) && !input.peek2(Token![==]) {
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
        let values = listed.call(Punctuated::<Expr, Token![,]>::parse_terminated)?;
        return Ok(Argument::Listed(key, values.into_iter().collect()));
    }
    if input.peek2(Token![,]) || input.peek2(End) {
        return input.call(Ident::parse_any).map(Argument::Bare);
    }
    input.parse().map(Argument::Positional)
}

fn skip_to_comma(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}
