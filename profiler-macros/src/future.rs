//! Expands functions that return a future: the range is the future's instrumented from its first
//! poll, not the call that creates it.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use crate::expand::{block, closure, generated_at};
use crate::flow::{may_observe_caller, mentions};
use crate::fragment;
use crate::function::Function;
use crate::model::Annotated;
use crate::parameters::Moved;

/// Expands an `async fn`: its body becomes an inner future, which is instrumented.
///
/// Both blocks contain unreachable code that returns a value of one type to be inferred. So
/// inference knows the inner block's return type before it sees the body, as it would from a
/// signature. Otherwise a body that returns a `Box<dyn Error>` through a coercion would not
/// compile. The type is not written out, because it may be `impl Trait`, which a body cannot name.
pub(crate) fn expand_async_fn(annotated: &Annotated) -> (Group, TokenStream) {
    let (krate, function) = (&annotated.krate, &annotated.function);
    let Moved { signature, statements } = function.parameters.in_async_block(&function.body);
    let body = block(function);
    let returned = returned(function);
    let instrumented =
        instrumented(annotated, &quote_spanned!(Span::mixed_site()=> async move { #returned #statements #body }));
    let timed = match &function.ty {
        // A value of type `!` would make the code around it unreachable, so the inner future
        // returns another empty type.
        Some(Type::Never(_)) => quote_spanned! {Span::mixed_site()=>
            let __profiler_returned = #krate::__private::Returns::<::core::convert::Infallible>::new();
            match #instrumented.await {}
        },
        // Clippy accepts a future returned by an `async fn`, but takes one returned by an `async`
        // block for a forgotten `.await`.
        Some(output) if mentions_future(output.to_token_stream()) => quote_spanned! {Span::mixed_site()=>
            let __profiler_returned = #krate::__private::Returns::new();
            #returned
            #[allow(clippy::async_yields_async)]
            let __profiler_output = #instrumented.await;
            __profiler_output
        },
        _ => quote_spanned! {Span::mixed_site()=>
            let __profiler_returned = #krate::__private::Returns::new();
            #returned
            #instrumented.await
        },
    };
    (signature, timed)
}

/// Expands `-> impl Future`: the body runs during the call, in a closure if it has a `return`, and
/// its value is instrumented.
pub(crate) fn expand_opaque(annotated: &Annotated) -> (Group, TokenStream) {
    let Function { parameters, body, .. } = &annotated.function;
    if returns(body) {
        // A `return` must leave only the body. The closure is passed to a function that takes
        // `FnOnce`, because the compiler would infer `FnMut` for a direct call, and an `FnMut` must
        // not return borrows of its captures.
        let Moved { signature, statements } = parameters.in_closure(body);
        let closure = closure(&annotated.function, &quote!(_), &statements);
        let none = quote!(::core::option::Option::None);
        let value = quote_spanned!(Span::mixed_site()=> ::core::option::Option::unwrap_or_else(#none, #closure));
        return (signature, instrumented(annotated, &value));
    }
    let body = block(&annotated.function);
    (parameters.group().clone(), instrumented(annotated, &quote_spanned!(Span::mixed_site()=> { #body })))
}

/// Expands `-> Pin<Box<impl Future>>`: a final `Box::pin(async { … })` is instrumented in place;
/// any other value is boxed again.
pub(crate) fn expand_boxed(annotated: &Annotated) -> (Group, TokenStream) {
    if let Some(body) = with_timed_tail(annotated) {
        return (annotated.function.parameters.group().clone(), body);
    }
    let krate = &annotated.krate;
    let (parameters, instrumented) = expand_opaque(annotated);
    (parameters, quote_spanned!(Span::mixed_site()=> #krate::__private::Box::pin(#instrumented)))
}

/// Expands a function that may return a boxed future: its return type decides, in the runtime.
pub(crate) fn expand_returned(annotated: &Annotated) -> (Group, TokenStream) {
    let Function { parameters, body, .. } = &annotated.function;
    if let Some(body) = with_timed_tail(annotated) {
        return (parameters.group().clone(), body);
    }
    let (krate, output) = (&annotated.krate, annotated.function.output());
    let returned = returned(&annotated.function);
    let call = match annotated.description.closure(&annotated.krate) {
        None => quote_spanned!(Span::mixed_site()=> ::core::default::Default::default()),
        Some(describe) => {
            quote_spanned!(Span::mixed_site()=> __profiler_returned.describe(__profiler_site, #describe))
        }
    };
    let opening = quote_spanned! {Span::mixed_site()=>
        use #krate::__private::OfValue as _;
        let __profiler_returned = #krate::__private::Returns::new();
        #returned
        let __profiler_call = #call;
    };
    if may_observe_caller(&annotated.function) && !returns(body) {
        let body = block(&annotated.function);
        let timed = quote_spanned! {Span::mixed_site()=>
            #opening
            let __profiler_range = __profiler_returned.enter(__profiler_site);
            __profiler_returned.leave(__profiler_site, __profiler_call, { #body })
        };
        return (parameters.group().clone(), timed);
    }
    let Moved { signature, statements } = parameters.in_closure(body);
    let closure = closure(&annotated.function, &output, &statements);
    let timed = quote_spanned! {Span::mixed_site()=>
        #opening
        __profiler_returned.run(__profiler_site, __profiler_call, #closure)
    };
    (signature, timed)
}

/// Returns unreachable code that gives `__profiler_returned` the return type of the function or
/// block. The type is not written out, so that the compiler reports a wrong type only once, in the
/// signature.
fn returned(function: &Function) -> TokenStream {
    quote_spanned! {generated_at(function.output().span())=>
        if let ::core::option::Option::Some(__profiler_output) = __profiler_returned.none() {
            return __profiler_output;
        }
    }
}

/// Returns whether a body, or a closure in it, contains `return`.
fn returns(body: &Group) -> bool {
    mentions(body.stream(), &|ident| ident == "return")
}

fn mentions_future(output: TokenStream) -> bool {
    mentions(output, &|ident| ident == "JoinHandle" || ident.to_string().ends_with("Future"))
}

/// Returns `future` instrumented. Evaluating the result also describes the call.
fn instrumented(annotated: &Annotated, future: &TokenStream) -> TokenStream {
    let krate = &annotated.krate;
    match annotated.description.closure(&annotated.krate) {
        None => quote_spanned!(Span::mixed_site()=> #krate::__private::instrument(__profiler_site, #future)),
        Some(describe) => quote_spanned! {Span::mixed_site()=>
            #krate::__private::instrument_call(
                __profiler_site,
                #krate::__private::describe_async(__profiler_site, #describe),
                #future
            )
        },
    }
}

/// Returns the body with the async block in its tail instrumented, if the tail is a literal
/// `Box::pin(async { … })` and no earlier statement returns.
fn with_timed_tail(annotated: &Annotated) -> Option<TokenStream> {
    let mut statements: Vec<_> = annotated.function.body.stream().into_iter().collect();
    let Some(TokenTree::Group(argument)) = statements.pop() else { return None };
    let path = statements.len() - path_length(&statements);
    let (before, function) = statements.split_at(path);
    let ends = before.last().is_none_or(|tree| match tree {
        TokenTree::Punct(punct) => punct.as_char() == ';',
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        _ => false,
    });
    let returns = before.iter().any(|tree| mentions(tree.to_token_stream(), &|ident| ident == "return"));
    if !ends || returns || !is_box_pin(function) || !is_async_block(&argument) {
        return None;
    }
    let future = argument.stream();
    let mut timed = instrumented(annotated, &future);
    if !annotated.description.is_empty() {
        // An outer block, so that the description is made at the first poll, on the polling thread.
        timed = quote_spanned!(Span::mixed_site()=> async move { #timed.await });
    }
    let mut timed = Group::new(Delimiter::Parenthesis, timed);
    timed.set_span(argument.span());
    let (before, function) = (fragment::expressions(before), fragment::types(function));
    Some(quote!(#before #function #timed))
}

/// Returns the number of trailing trees that form a path.
fn path_length(trees: &[TokenTree]) -> usize {
    let is_path = |tree: &&TokenTree| match tree {
        TokenTree::Ident(_) => true,
        TokenTree::Punct(punct) => punct.as_char() == ':',
        TokenTree::Group(_) | TokenTree::Literal(_) => false,
    };
    trees.iter().rev().take_while(is_path).count()
}

fn is_box_pin(path: &[TokenTree]) -> bool {
    let names = path.iter().filter_map(|tree| match tree {
        TokenTree::Ident(ident) => Some(ident.to_string()),
        _ => None,
    });
    let names: Vec<_> = names.collect();
    names.ends_with(&["Box".to_owned(), "pin".to_owned()])
}

/// Returns whether the group contains only `async { … }`, with or without `move`.
fn is_async_block(argument: &Group) -> bool {
    let trees: Vec<_> = argument.stream().into_iter().collect();
    let Some((TokenTree::Group(block), keywords)) = trees.split_last() else { return false };
    let keywords: Vec<_> = keywords.iter().map(ToString::to_string).collect();
    let is_async = matches!(keywords.iter().map(String::as_str).collect::<Vec<_>>()[..], ["async"] | ["async", "move"]);
    argument.delimiter() == Delimiter::Parenthesis && block.delimiter() == Delimiter::Brace && is_async
}
