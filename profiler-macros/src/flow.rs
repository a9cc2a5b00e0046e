//! How a function's time flows: now, or when its future is polled.
//!
//! Decided from the signature alone. A type alias or a named future type tells nothing, so such a function is timed
//! like any other: its range is the call that makes the future.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit_mut::{VisitMut, visit_type_mut};
use syn::{
    GenericArgument, Path, PathArguments, ReturnType, Signature, Type, TypeParamBound, parse_quote, parse_quote_spanned,
};

use crate::expand::ours_at;
use crate::function::Function;

/// What the range of a call covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// The body, run in a closure: without a guard's drop flag and unwind edges this costs nothing when nothing
    /// records.
    Closure,
    /// The body, under a guard: where a closure would change what the body means.
    Guard,
    /// The life of an `async fn`.
    Async,
    /// The life of the returned `impl Future`.
    Future,
    /// The life of the returned `Pin<Box<dyn Future>>`.
    BoxedFuture,
}

impl Flow {
    /// The flow of `function`.
    pub(crate) fn of(function: &Function) -> Self {
        let signature = &function.signature;
        if signature.asyncness.is_some() {
            return Self::Async;
        }
        let output = match &signature.output {
            ReturnType::Default => None,
            ReturnType::Type(_, output) => Some(ungrouped(output)),
        };
        match output {
            Some(Type::ImplTrait(opaque)) if names_future(&opaque.bounds) => Self::Future,
            Some(output) if is_boxed_future(output) => Self::BoxedFuture,
            output
                if signature.variadic.is_some()
                    || output.is_some_and(needs_guard)
                    || depends_on_its_frame(function) =>
            {
                Self::Guard
            }
            _ => Self::Closure,
        }
    }
}

/// A closure cannot be said to return `!`, and `impl Fn(&str)` tells a returned closure its argument types only from
/// the function's own tail.
fn needs_guard(output: &Type) -> bool {
    matches!(output, Type::Never(_)) || mentions(output.to_token_stream(), &|ident| ident == "impl")
}

/// `Location::caller()` in a closure is the closure's caller, and a closure does not inline across target features.
fn depends_on_its_frame(function: &Function) -> bool {
    function.attributes.iter().any(|attribute| {
        mentions(attribute.to_token_stream(), &|ident| ident == "track_caller" || ident == "target_feature")
    })
}

/// Whether such an identifier or keyword is among the tokens, at any depth.
pub(crate) fn mentions(tokens: TokenStream, such: &dyn Fn(&Ident) -> bool) -> bool {
    tokens.into_iter().any(|tree| match tree {
        TokenTree::Ident(ident) => such(&ident),
        TokenTree::Group(group) => mentions(group.stream(), such),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped(&group.elem),
        Type::Paren(paren) => ungrouped(&paren.elem),
        other => other,
    }
}

fn names_future<'a>(bounds: impl IntoIterator<Item = &'a TypeParamBound>) -> bool {
    bounds.into_iter().any(|bound| matches!(bound, TypeParamBound::Trait(bound) if ends_in(&bound.path, &["Future"])))
}

fn is_boxed_future(ty: &Type) -> bool {
    let Some(path) = path_of(ty) else { return false };
    if ends_in(path, &["BoxFuture", "LocalBoxFuture"]) {
        return true;
    }
    let boxed = ends_in(path, &["Pin"]).then(|| type_argument(path)).flatten().and_then(path_of);
    let inner = boxed.filter(|path| ends_in(path, &["Box"])).and_then(type_argument);
    match inner {
        Some(Type::TraitObject(object)) => names_future(&object.bounds),
        Some(Type::ImplTrait(opaque)) => names_future(&opaque.bounds),
        _ => false,
    }
}

fn path_of(ty: &Type) -> Option<&Path> {
    match ungrouped(ty) {
        Type::Path(path) => Some(&path.path),
        _ => None,
    }
}

fn type_argument(path: &Path) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = &path.segments.last()?.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ungrouped(ty)),
        _ => None,
    })
}

fn ends_in(path: &Path, names: &[&str]) -> bool {
    path.segments.last().is_some_and(|segment| names.iter().any(|name| segment.ident == name))
}

/// The return type as it may be written inside a body: `impl Trait` becomes `_`. Without one, `()` stands at the
/// function's name, where errors may point.
pub(crate) fn written_in_body(signature: &Signature) -> Type {
    match &signature.output {
        ReturnType::Default => parse_quote_spanned!(ours_at(signature.ident.span())=> ()),
        ReturnType::Type(_, ty) => {
            let mut ty = (**ty).clone();
            EraseOpaque.visit_type_mut(&mut ty);
            ty
        }
    }
}

struct EraseOpaque;

impl VisitMut for EraseOpaque {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::ImplTrait(_) = ty {
            *ty = parse_quote!(_);
        } else {
            visit_type_mut(self, ty);
        }
    }
}
