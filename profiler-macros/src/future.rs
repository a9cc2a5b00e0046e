//! Functions that return a future: the range is the future's life, from its first poll, and not the call that makes it.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::Parser;
use syn::spanned::Spanned;
use syn::{Block, Expr, ExprAsync, ExprCall, ReturnType, Stmt, Type, parse_quote};

use crate::expand::ours_at;
use crate::flow::{mentions, written_in_body};
use crate::model::Annotated;

/// `async fn`: the body becomes an inner future, which is the one that is timed.
pub(crate) fn of_async_fn(annotated: &Annotated) -> TokenStream {
    let body = &annotated.function.body;
    let output = match written_in_body(&annotated.function.signature) {
        // `!` may not be named in a body: the future returns an empty type that may be, and the function does not
        // return.
        Type::Never(_) => parse_quote!(::core::convert::Infallible),
        output => output,
    };
    let return_type = return_type(&output);
    let life = life(annotated, &quote_spanned!(Span::mixed_site()=> async move { #return_type #body }));
    match &annotated.function.signature.output {
        ReturnType::Type(_, output) if matches!(**output, Type::Never(_)) => {
            quote_spanned!(Span::mixed_site()=> match #life.await {})
        }
        // A future in an `async fn` is meant, in an `async` block clippy takes it for forgotten.
        ReturnType::Type(_, output) if mentions_future(output.to_token_stream()) => {
            quote_spanned! {Span::mixed_site()=>
                #[allow(clippy::async_yields_async)]
                let __profiler_output = #life.await;
                __profiler_output
            }
        }
        _ => quote_spanned!(Span::mixed_site()=> #life.await),
    }
}

/// `-> impl Future`: the body runs now and its value is timed.
pub(crate) fn of_opaque(annotated: &Annotated) -> TokenStream {
    life(annotated, &value(annotated, &written_in_body(&annotated.function.signature)))
}

/// `-> Pin<Box<dyn Future>>`: the block in a `Box::pin(async { … })` at the end is timed in place; any other value is
/// boxed once more.
pub(crate) fn of_boxed(annotated: &Annotated) -> TokenStream {
    if let Some(body) = with_timed_tail(annotated) {
        return body;
    }
    let krate = &annotated.krate;
    let output = written_in_body(&annotated.function.signature);
    let value = value(annotated, &output);
    let future = quote_spanned! {Span::mixed_site()=>
        { let __profiler_future: #output = #value; __profiler_future }
    };
    let life = life(annotated, &future);
    quote_spanned!(Span::mixed_site()=> #krate::__private::Box::pin(#life))
}

/// Tells inference what an async block returns, as a signature would: without it, a body that returns a `Box<dyn
/// Error>` through a coercion does not compile.
fn return_type(output: &Type) -> Option<TokenStream> {
    if let Type::Infer(_) = output {
        return None;
    }
    Some(quote_spanned! {ours_at(output.span())=>
        if let ::core::option::Option::Some(__profiler_output) = ::core::option::Option::<#output>::None {
            return __profiler_output;
        }
    })
}

/// The body's value. A `return` in it must leave the body only, so it then runs in a closure, called by a function that
/// takes any `FnOnce`: called directly, the compiler would take it for an `FnMut`, which may not return what it
/// borrows.
fn value(annotated: &Annotated, output: &Type) -> TokenStream {
    let body = &annotated.function.body;
    if mentions(body.stream(), &is_return) {
        return quote_spanned! {Span::mixed_site()=>
            ::core::option::Option::unwrap_or_else(::core::option::Option::None, move || -> #output #body)
        };
    }
    let mut block = Group::new(Delimiter::Brace, body.stream());
    // As the user's own, lints would take the braces for superfluous ones.
    block.set_span(ours_at(body.span()));
    block.to_token_stream()
}

fn is_return(ident: &Ident) -> bool {
    ident == "return"
}

fn mentions_future(output: TokenStream) -> bool {
    mentions(output, &|ident| ident == "JoinHandle" || ident.to_string().ends_with("Future"))
}

/// `future`, timed. Its description is told when this is evaluated.
fn life(annotated: &Annotated, future: &TokenStream) -> TokenStream {
    let krate = &annotated.krate;
    match annotated.description.tell() {
        None => quote_spanned!(Span::mixed_site()=> #krate::__private::instrument(&__PROFILER_SITE, #future)),
        Some(tell) => quote_spanned! {Span::mixed_site()=>
            #krate::__private::instrument_call(
                &__PROFILER_SITE,
                #krate::__private::describe_async(&__PROFILER_SITE, #tell),
                #future
            )
        },
    }
}

/// The body with the async block in its tail timed, if the tail is a literal `Box::pin(async { … })` and nothing before
/// it returns.
fn with_timed_tail(annotated: &Annotated) -> Option<TokenStream> {
    let mut statements = Block::parse_within.parse2(annotated.function.body.stream()).ok()?;
    let Some(Stmt::Expr(Expr::Call(tail), None)) = statements.pop() else { return None };
    let future = pinned_block(&tail)?;
    if statements.iter().any(|statement| mentions(statement.to_token_stream(), &is_return)) {
        return None;
    }
    let mut timed = life(annotated, &future.to_token_stream());
    if !annotated.description.is_empty() {
        // The description is told at the first poll, on the thread that polls.
        timed = quote_spanned!(Span::mixed_site()=> async move { #timed.await });
    }
    let func = &tail.func;
    let mut argument = Group::new(Delimiter::Parenthesis, timed);
    argument.set_span(tail.paren_token.span.join());
    Some(quote!(#(#statements)* #func #argument))
}

fn pinned_block(tail: &ExprCall) -> Option<&ExprAsync> {
    let Expr::Path(func) = &*tail.func else { return None };
    let mut names = func.path.segments.iter().rev().map(|segment| &segment.ident);
    let is_box_pin = names.next().is_some_and(|name| name == "pin") && names.next().is_some_and(|name| name == "Box");
    match (is_box_pin, tail.args.first(), tail.args.len()) {
        (true, Some(Expr::Async(future)), 1) => Some(future),
        _ => None,
    }
}
