//! Tests of the attributes as functions from tokens to tokens. They compile nothing; `ui-tests`
//! does that.

#![allow(clippy::expect_used, clippy::panic)]

mod all;
mod blocks;
mod expansion;
mod flows;
mod misuse;
mod off;

use proc_macro2::TokenStream;

use crate::apply;
use crate::kind::Kind;
use crate::model::Annotated;
use crate::root::Root;

/// Parses Rust source into tokens.
fn tokens(source: &str) -> TokenStream {
    source.parse().expect("the source has balanced delimiters")
}

/// Returns the model of a correct use of an attribute.
fn model(kind: Kind, arguments: TokenStream, item: TokenStream) -> Annotated {
    Annotated::read(kind, Root::Runtime, arguments, item).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Returns the formatted expansion.
fn expanded(kind: Kind, arguments: TokenStream, item: TokenStream) -> String {
    let file = syn::parse2(apply(kind, Root::Runtime, arguments, item, true)).expect("an expansion is a file of items");
    prettyplease::unparse(&file)
}

/// Returns the errors' sentences, and the item after them.
fn refused(kind: Kind, arguments: TokenStream, item: TokenStream) -> (Vec<String>, String) {
    let mut output = apply(kind, Root::Runtime, arguments, item.clone(), true).into_iter();
    let mut sentences = Vec::new();
    let length = item.into_iter().count();
    while output.clone().count() > length {
        // `::core::compile_error! { "…" }`
        let error: TokenStream = output.by_ref().take(8).collect();
        let group = error.into_iter().last().map(|tree| tree.to_string()).unwrap_or_default();
        sentences.push(group.trim_matches(['{', '}', ' ', '"']).replace("\\\"", "\""));
    }
    (sentences, output.collect::<TokenStream>().to_string())
}
