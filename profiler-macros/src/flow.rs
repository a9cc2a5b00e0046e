//! Decides what a function's range covers: its body, or the life of its future.
//!
//! The signature decides if it can: `async`, `impl Future`, a pinned box. Any other path may name a
//! boxed future, as an alias or an associated type; then the generated code lets the type decide.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{GenericArgument, Path, PathArguments, Type, TypeParamBound};

use crate::function::Function;

/// Part of a call that its range covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// The body, run in a closure. Without a guard's drop flag and unwind edges it costs next to
    /// nothing while nothing records.
    Closure,
    /// The body, under a guard, because a closure would change its meaning.
    Guard,
    /// The life of an `async fn`.
    Async,
    /// The life of the returned `impl Future`.
    Future,
    /// The life of the returned `Pin<Box<impl Future>>`.
    BoxedFuture,
    /// The life of the returned value if its type is a boxed future, else the body, run in a
    /// closure.
    Returned,
}

impl Flow {
    /// Determines the flow of `function`; `value` says that its return value is no future.
    pub(crate) fn new(function: &Function, value: bool) -> Self {
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
            _ if may_observe_caller(function) => Self::Guard,
            _ => Self::Closure,
        }
    }
}

/// Returns whether a closure would change the meaning of the body.
fn needs_guard(function: &Function, output: Option<&Type>) -> bool {
    function.is_unclear()
        || output.is_some_and(cannot_be_a_closures)
        || !function.parameters.are_names()
        || depends_on_function(function)
}

/// Returns whether the body may observe its caller, because the trait of a method may declare
/// `#[track_caller]`, which is not visible here. That matters if the body asks for its location or
/// panics. A function without `self` is probably free, so it qualifies only if it mentions
/// `caller`.
pub(crate) fn may_observe_caller(function: &Function) -> bool {
    const OBSERVERS: [&str; 9] =
        ["assert", "borrow", "caller", "expect", "panic", "todo", "unimplemented", "unreachable", "unwrap"];
    let observes = |ident: &Ident| {
        let name = ident.to_string();
        OBSERVERS.iter().any(|observer| name.contains(observer))
    };
    let body = function.body.stream();
    let names_caller = || mentions(body.clone(), &|ident| ident == "caller");
    let is_method = function.parameters.have_receiver();
    !function.opening.visible
        && (names_caller() || is_method && (indexes(body.clone()) || mentions(body.clone(), &observes)))
}

/// Returns whether the tokens contain an index expression, at any depth.
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

/// Returns whether only a function can have this return type. A closure cannot return `!` or
/// `impl Trait`, which a macro may hide, and `impl Fn(&str)` gives a returned closure its argument
/// types only in the function's own tail.
fn cannot_be_a_closures(output: &Type) -> bool {
    matches!(output, Type::Never(_) | Type::Macro(_)) || mentions(output.to_token_stream(), &|ident| ident == "impl")
}

/// Returns whether the body depends on running directly in its function. In a closure
/// `Location::caller()` is the closure's caller, target features prevent inlining, and some lints
/// that `#[expect]` names inspect only a function's own body.
fn depends_on_function(function: &Function) -> bool {
    const ATTRIBUTES: [&str; 3] = ["track_caller", "target_feature", "expect"];
    function.opening.attributes.iter().any(|attribute| {
        mentions(attribute.meta.to_token_stream(), &|ident| ATTRIBUTES.iter().any(|name| ident == name))
    })
}

/// Returns whether the tokens contain an identifier or keyword that satisfies `predicate`, at any
/// depth.
pub(crate) fn mentions(tokens: TokenStream, predicate: &dyn Fn(&Ident) -> bool) -> bool {
    tokens.into_iter().any(|tree| match tree {
        TokenTree::Ident(ident) => predicate(&ident),
        TokenTree::Group(group) => mentions(group.stream(), predicate),
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

/// Returns whether the standard library's `Future` is among the bounds, by its bare name or by a
/// path to it.
fn names_future<'a>(bounds: impl IntoIterator<Item = &'a TypeParamBound>) -> bool {
    const LIBRARIES: [&str; 6] = ["Future", "core", "future", "futures", "futures_util", "std"];
    let leads_to_library =
        |path: &Path| path.segments.first().is_some_and(|first| LIBRARIES.iter().any(|it| first.ident == it));
    bounds.into_iter().any(|bound| match bound {
        TypeParamBound::Trait(bound) => ends_in(&bound.path, &["Future"]) && leads_to_library(&bound.path),
        _ => false,
    })
}

/// Returns the type inside `Pin<Box<…>>`.
fn pinned(ty: &Type) -> Option<&Type> {
    let boxed = path_of(ty).filter(|path| ends_in(path, &["Pin"])).and_then(type_argument).and_then(path_of)?;
    Some(boxed).filter(|path| ends_in(path, &["Box"])).and_then(type_argument)
}

/// Returns whether a type may be an alias of a boxed future, as any path may except common types.
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
