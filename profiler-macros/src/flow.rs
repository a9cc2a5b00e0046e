//! How a function's time flows: now, or when its future is polled.
//!
//! The signature decides, as far as it says: `async`, `impl Future`, a pinned box. Behind any other path there may be a
//! boxed future too, under an alias or as an associated type; there the generated code lets the type decide.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{GenericArgument, Path, PathArguments, Type, TypeParamBound};

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
    /// The life of the returned `Pin<Box<impl Future>>`.
    BoxedFuture,
    /// The life of the returned boxed future, if that is what the type is; else the body, run in a closure.
    Returned,
}

impl Flow {
    /// Returns the flow of `function`; `value` says that what it returns is no future.
    pub(crate) fn of(function: &Function, value: bool) -> Self {
        if function.opening.asyncness.is_some() {
            return Self::Async;
        }
        let output = function.ty.as_ref().map(ungrouped);
        let boxed = output.and_then(pinned);
        match (output, boxed) {
            (Some(Type::ImplTrait(opaque)), _) if !value && names_future(&opaque.bounds) => Self::Future,
            (_, Some(Type::ImplTrait(opaque))) if !value && names_future(&opaque.bounds) => Self::BoxedFuture,
            (_, Some(Type::TraitObject(object))) if !value && names_future(&object.bounds) => Self::Returned,
            _ if needs_guard(function, output) => Self::Guard,
            (Some(output), _) if !value && may_be_boxed_future(output) => Self::Returned,
            _ if may_know_its_caller(function) => Self::Guard,
            _ => Self::Closure,
        }
    }
}

/// Returns whether a closure would change what the body means.
fn needs_guard(function: &Function, output: Option<&Type>) -> bool {
    function.is_unclear()
        || output.is_some_and(is_only_a_functions)
        || !function.parameters.are_names()
        || depends_on_its_frame(function)
}

/// Returns whether it may: a function of a trait may have `#[track_caller]` from the trait, out of sight here. That
/// matters where the body tells its place: asks for it, or panics. One without `self` may as well be free: only those
/// that ask are taken for a trait's.
pub(crate) fn may_know_its_caller(function: &Function) -> bool {
    const TELLING: [&str; 9] =
        ["assert", "borrow", "caller", "expect", "panic", "todo", "unimplemented", "unreachable", "unwrap"];
    let tells = |ident: &Ident| {
        let name = ident.to_string();
        TELLING.iter().any(|telling| name.contains(telling))
    };
    let body = function.body.stream();
    let asks = || mentions(body.clone(), &|ident| ident == "caller");
    let is_method = function.parameters.have_receiver();
    !function.opening.visible && (asks() || is_method && (indexes(body.clone()) || mentions(body.clone(), &tells)))
}

/// Returns whether something is followed by brackets, at any depth.
fn indexes(tokens: TokenStream) -> bool {
    let mut is_value = false;
    tokens.into_iter().any(|tree| {
        let was_value = is_value;
        is_value = match &tree {
            TokenTree::Group(group) => group.delimiter() != Delimiter::Brace,
            tree => !matches!(tree, TokenTree::Punct(_)),
        };
        match tree {
            TokenTree::Group(group) if was_value && group.delimiter() == Delimiter::Bracket => true,
            TokenTree::Group(group) => indexes(group.stream()),
            _ => false,
        }
    })
}

/// Returns whether only a function can have this type: a closure cannot be said to return `!` or `impl Trait`, which a
/// macro may hide, and `impl Fn(&str)` tells a returned closure its argument types only from the function's own tail.
fn is_only_a_functions(output: &Type) -> bool {
    matches!(output, Type::Never(_) | Type::Macro(_)) || mentions(output.to_token_stream(), &|ident| ident == "impl")
}

/// Returns whether the frame matters: `Location::caller()` in a closure is the closure's caller, a closure does not
/// inline across target features, and some lints that may be expected of a function look at its own body only.
fn depends_on_its_frame(function: &Function) -> bool {
    const ATTRIBUTES: [&str; 3] = ["track_caller", "target_feature", "expect"];
    function.opening.attributes.iter().any(|attribute| {
        mentions(attribute.meta.to_token_stream(), &|ident| ATTRIBUTES.iter().any(|name| ident == name))
    })
}

/// Returns whether such an identifier or keyword is among the tokens, at any depth.
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

/// Returns whether the standard library's `Future` is among the bounds: by its name alone, or by a path that leads there.
fn names_future<'a>(bounds: impl IntoIterator<Item = &'a TypeParamBound>) -> bool {
    const LIBRARIES: [&str; 6] = ["Future", "core", "future", "futures", "futures_util", "std"];
    let leads_there =
        |path: &Path| path.segments.first().is_some_and(|first| LIBRARIES.iter().any(|it| first.ident == it));
    bounds.into_iter().any(|bound| match bound {
        TypeParamBound::Trait(bound) => ends_in(&bound.path, &["Future"]) && leads_there(&bound.path),
        _ => false,
    })
}

/// Returns the type that a `Pin<Box<…>>` holds.
fn pinned(ty: &Type) -> Option<&Type> {
    let boxed = path_of(ty).filter(|path| ends_in(path, &["Pin"])).and_then(type_argument).and_then(path_of)?;
    Some(boxed).filter(|path| ends_in(path, &["Box"])).and_then(type_argument)
}

/// Returns whether a type may be an alias of a boxed future: a path that is none of the common types that are not.
fn may_be_boxed_future(ty: &Type) -> bool {
    const OTHERS: [&str; 28] = [
        "Arc", "Box", "Cow", "HashMap", "Option", "Ordering", "Pin", "Rc", "Result", "Self", "String", "Vec", "bool",
        "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128", "usize",
    ];
    path_of(ty).is_some_and(|path| !ends_in(path, &OTHERS))
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
