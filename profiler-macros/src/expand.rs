//! The annotated function, written out: the site, at most one description, and the body handed to
//! the runtime.
//!
//! The user's tokens keep their spans, so that every error in them points at them; generated tokens
//! are `mixed_site`, so that generated names collide with none of the user's, and lints know that
//! the user did not write them. Generated code names only `::core` and the runtime's `__private`.

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
        let Self { kind, name, krate, function, .. } = self;
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
        // The user's span, because rustc reports no function as unused whose last token is a
        // macro's.
        braces.set_span(function.body.span());
        quote_spanned!(Span::mixed_site()=> #before #parameters #after #braces)
    }

    /// Returns the function's parameters and its timed body.
    fn timed(&self) -> (Group, TokenStream) {
        match self.flow {
            Flow::Closure => self.in_closure(),
            Flow::Guard => (self.function.parameters.group().clone(), self.under_guard()),
            Flow::Async => future::of_async_fn(self),
            Flow::Future => future::of_opaque(self),
            Flow::BoxedFuture => future::of_boxed(self),
            Flow::Returned => future::of_returned(self),
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
        let tell = self.description.tell(krate)?;
        Some(quote_spanned!(Span::mixed_site()=> #krate::__private::describe(__profiler_site, #tell);))
    }
}

/// Returns a closure that runs `statements` and the body, and returns `output`.
pub(crate) fn closure(function: &Function, output: &TokenStream, statements: &TokenStream) -> TokenStream {
    let body = block(function);
    quote_spanned!(Span::mixed_site()=> move || -> #output { #statements #body })
}

/// Returns the body as the last expression of a generated block.
///
/// A generated block has the edition of this crate, in which temporaries of the last expression are
/// dropped before the block's variables, as they are before a function's parameters; the body's own
/// braces keep the user's edition. The attribute, which allows nothing, keeps lints from reporting
/// those braces as unnecessary.
pub(crate) fn block(function: &Function) -> TokenStream {
    let body = &function.body;
    quote_spanned!(Span::mixed_site()=> #[allow()] #body)
}

impl Description {
    /// Returns the closure that describes a call to the runtime, which runs it only if a
    /// description is wanted.
    pub(crate) fn tell(&self, krate: &Path) -> Option<TokenStream> {
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
            let place = ours_at(value.expression.span());
            quote_spanned!(place=> #krate::__private::integer(#value))
        });
        let arguments = (!self.arguments.is_empty()).then(|| {
            quote_spanned! {Span::mixed_site()=>
                if __profiler_call.is_recorded() { __profiler_call.arguments([#(#values),*]); }
            }
        });
        Some(quote_spanned!(Span::mixed_site()=> |__profiler_call| { #shapes #flops #index #arguments }))
    }

    /// Returns the names of the site's own arguments, if it has any.
    fn names(&self) -> Option<TokenStream> {
        let names = self.arguments.iter().map(|(name, _)| name);
        (!self.arguments.is_empty()).then(|| quote_spanned!(Span::mixed_site()=> , [#(#names),*]))
    }
}

/// Returns a span with the hygiene of generated code that points at the user's `place` in messages.
pub(crate) fn ours_at(place: Span) -> Span {
    Span::mixed_site().located_at(place)
}
