//! Expands an annotated function: the site, at most one description, and the body passed to the
//! runtime.
//!
//! The user's tokens keep their spans, so that errors point at the user's code. Generated tokens
//! have `mixed_site` spans, so that generated names do not collide with the user's and lints skip
//! generated code. Generated code refers only to `::core` and the runtime's `__private`.

use proc_macro2::{Group, Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::Path;
use syn::spanned::Spanned;

use crate::count;
use crate::flow::Flow;
use crate::function::Function;
use crate::future;
use crate::model::Annotated;
use crate::options::Description;
use crate::parameters::Moved;

impl Annotated {
    /// Returns the function that replaces the user's.
    pub(crate) fn expand(&self) -> TokenStream {
        let Self { kind, krate, function, .. } = self;
        let name = self.name.expression(krate);
        let Function { before, after, inner_attributes, .. } = function;
        let kind = Ident::new(kind.variant(), Span::mixed_site());
        let (parameters, timed) = self.timed();
        let names = self.description.names();
        let body = quote_spanned! {Span::mixed_site()=>
            #inner_attributes
            let __profiler_site = #krate::__private::site!(#kind, #name #names);
            #timed
        };
        let mut braces = Group::new(function.body.delimiter(), body);
        // The user's span, because rustc does not report an unused function whose last token comes
        // from a macro.
        braces.set_span(function.body.span());
        quote_spanned!(Span::mixed_site()=> #before #parameters #after #braces)
    }

    /// Returns the function's parameters and its timed body.
    fn timed(&self) -> (Group, TokenStream) {
        match self.flow {
            Flow::Closure => self.in_closure(),
            Flow::Guard => (self.function.parameters.group().clone(), self.under_guard()),
            Flow::Async => future::expand_async_fn(self),
            Flow::Future => future::expand_opaque(self),
            Flow::BoxedFuture => future::expand_boxed(self),
            Flow::Returned => future::expand_returned(self),
        }
    }

    fn in_closure(&self) -> (Group, TokenStream) {
        let (krate, function) = (&self.krate, &self.function);
        let describe = self.describe();
        let Moved { signature, statements } = function.parameters.in_closure(&function.body);
        let closure = closure(function, &function.output(), &statements);
        let timed = quote_spanned! {Span::mixed_site()=>
            #describe
            #krate::__private::run(__profiler_site, #closure)
        };
        (signature, timed)
    }

    fn under_guard(&self) -> TokenStream {
        let krate = &self.krate;
        let (describe, body) = (self.describe(), block(&self.function));
        quote_spanned! {Span::mixed_site()=>
            #describe
            let __profiler_range = #krate::__private::Range::enter(__profiler_site);
            #body
        }
    }

    fn describe(&self) -> Option<TokenStream> {
        let krate = &self.krate;
        let describe = self.description.closure(krate)?;
        Some(quote_spanned!(Span::mixed_site()=> #krate::__private::describe(__profiler_site, #describe);))
    }
}

/// Returns a closure that runs `statements` and the body, and returns `output`.
pub(crate) fn closure(function: &Function, output: &TokenStream, statements: &TokenStream) -> TokenStream {
    let body = block(function);
    quote_spanned!(Span::mixed_site()=> move || -> #output { #statements #body })
}

/// Returns the body as the last expression of a generated block.
///
/// A generated block has this crate's edition, in which temporaries of the last expression are
/// dropped before the block's variables, as they are dropped before a function's parameters. The
/// body's own braces keep the user's edition. The empty `#[allow()]` keeps lints from reporting
/// those braces as unnecessary.
pub(crate) fn block(function: &Function) -> TokenStream {
    let body = &function.body;
    quote_spanned!(Span::mixed_site()=> #[allow()] #body)
}

impl Description {
    /// Returns the closure that describes a call. The runtime runs it only if a description is
    /// wanted.
    pub(crate) fn closure(&self, krate: &Path) -> Option<TokenStream> {
        if self.is_empty() {
            return None;
        }
        let inputs = self.shapes.iter().map(|input| {
            let input = input.borrowed();
            quote_spanned!(Span::mixed_site()=> __profiler_call.shape(#input);)
        });
        let shapes = (!self.shapes.is_empty())
            .then(|| quote_spanned!(Span::mixed_site()=> if __profiler_call.wants_shapes() { #(#inputs)* }));
        let flops = self.flops.as_ref().map(|flops| {
            let flops = count::checked(flops, krate);
            quote_spanned!(Span::mixed_site()=> if __profiler_call.wants_flops() { __profiler_call.flops(#flops); })
        });
        let index =
            self.index.as_ref().map(|index| quote_spanned!(Span::mixed_site()=> __profiler_call.index(#index);));
        let values = self.arguments.iter().map(|(_, value)| {
            let span = generated_at(value.expression.span());
            quote_spanned!(span=> #krate::__private::integer(#value))
        });
        let arguments = (!self.arguments.is_empty()).then(|| {
            quote_spanned! {Span::mixed_site()=>
                if __profiler_call.is_recorded() { __profiler_call.arguments([#(#values),*]); }
            }
        });
        Some(quote_spanned!(Span::mixed_site()=> |__profiler_call| { #shapes #flops #index #arguments }))
    }

    /// Returns the names of the user-defined arguments, if there are any.
    pub(crate) fn names(&self) -> Option<TokenStream> {
        let names = self.arguments.iter().map(|(name, _)| name);
        (!self.arguments.is_empty()).then(|| quote_spanned!(Span::mixed_site()=> , [#(#names),*]))
    }
}

/// Returns a span with the hygiene of generated code that points at the user's `span` in messages.
pub(crate) fn generated_at(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}
