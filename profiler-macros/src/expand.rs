//! The annotated function, written out: the site, at most one description, and the body handed to the runtime.
//!
//! The user's tokens keep their spans, so that every error in them points at them; ours are `mixed_site`, so that our
//! names meet none of the user's and lints know that the user did not write them. Names are `::core` and the runtime's
//! `__private` only.

use proc_macro2::{Group, Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::Expr;
use syn::spanned::Spanned;

use crate::flow::{Flow, written_in_body};
use crate::future;
use crate::model::{Annotated, Description};

impl Annotated {
    /// The function that replaces the user's.
    pub(crate) fn expand(&self) -> TokenStream {
        let Self { kind, name, krate, function, .. } = self;
        let (head, inner_attributes) = (&function.head, &function.inner_attributes);
        let kind = Ident::new(kind.variant(), Span::mixed_site());
        let timed = match self.flow {
            Flow::Closure => self.in_closure(),
            Flow::Guard => self.under_guard(),
            Flow::Async => future::of_async_fn(self),
            Flow::Future => future::of_opaque(self),
            Flow::BoxedFuture => future::of_boxed(self),
        };
        let body = quote_spanned! {Span::mixed_site()=>
            #inner_attributes
            #krate::__private::site!(__PROFILER_SITE, #kind, #name);
            #timed
        };
        let mut braces = Group::new(function.body.delimiter(), body);
        // The user's, because rustc reports no function as unused whose last token is a macro's.
        braces.set_span(function.body.span());
        quote_spanned!(Span::mixed_site()=> #head #braces)
    }

    fn in_closure(&self) -> TokenStream {
        let (krate, body) = (&self.krate, &self.function.body);
        let describe = self.describe();
        let output = written_in_body(&self.function.signature);
        quote_spanned! {Span::mixed_site()=>
            #describe
            #krate::__private::run(&__PROFILER_SITE, move || -> #output #body)
        }
    }

    fn under_guard(&self) -> TokenStream {
        let (krate, body) = (&self.krate, &self.function.body);
        let describe = self.describe();
        quote_spanned! {Span::mixed_site()=>
            #describe
            let __profiler_range = #krate::__private::Range::enter(&__PROFILER_SITE);
            #body
        }
    }

    fn describe(&self) -> Option<TokenStream> {
        let krate = &self.krate;
        let tell = self.description.tell()?;
        Some(quote_spanned!(Span::mixed_site()=> #krate::__private::describe(&__PROFILER_SITE, #tell);))
    }
}

impl Description {
    /// The closure that tells the runtime about a call; nothing in it is computed unless it is recorded.
    pub(crate) fn tell(&self) -> Option<TokenStream> {
        if self.is_empty() {
            return None;
        }
        let inputs = self.shapes.iter().map(|input| {
            let input = borrowed(input);
            quote_spanned!(Span::mixed_site()=> __profiler_call.shape(#input);)
        });
        let shapes = (!self.shapes.is_empty())
            .then(|| quote_spanned!(Span::mixed_site()=> if __profiler_call.wants_shapes() { #(#inputs)* }));
        let flops = self.flops.as_ref().map(|flops| {
            quote_spanned!(Span::mixed_site()=> if __profiler_call.wants_flops() { __profiler_call.flops(#flops); })
        });
        let index =
            self.index.as_ref().map(|index| quote_spanned!(Span::mixed_site()=> __profiler_call.index(#index);));
        Some(quote_spanned!(Span::mixed_site()=> |__profiler_call| { #shapes #flops #index }))
    }
}

/// `&input`, in parentheses where `&` would bind to a part of it only.
fn borrowed(input: &Expr) -> TokenStream {
    match input {
        Expr::Path(_)
        | Expr::Field(_)
        | Expr::MethodCall(_)
        | Expr::Call(_)
        | Expr::Index(_)
        | Expr::Macro(_)
        | Expr::Paren(_)
        | Expr::Group(_) => {
            quote_spanned!(ours_at(input.span())=> &#input)
        }
        _ => quote_spanned!(ours_at(input.span())=> &(#input)),
    }
}

/// A span of ours that shows the user's `place` where one is shown.
pub(crate) fn ours_at(place: Span) -> Span {
    Span::mixed_site().located_at(place)
}
