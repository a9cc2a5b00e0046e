//! The time that a function's range covers: its body, or the life of its future.
//!
//! The signature decides where it can: `async`, `impl Future`, a pinned box. Any other path may
//! also name a boxed future, as an alias or as an associated type; for such a path, the generated
//! code lets the type decide.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{GenericArgument, Path, PathArguments, Type, TypeParamBound};

use crate::function::Function;

/// Part of a call that its range covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// The body, run in a closure: it has no guard's drop flag and unwind edges, so it costs
    /// nothing while nothing records.
    Closure,
    /// The body, under a guard, where a closure would change the meaning of the body.
    Guard,
    /// The life of an `async fn`.
    Async,
    /// The life of the returned `impl Future`.
    Future,
    /// The life of the returned `Pin<Box<impl Future>>`.
    BoxedFuture,
    /// The life of the returned boxed future if the type is one; else the body, run in a closure.
    Returned,
}

impl Flow {
    /// Returns the flow of `function`; `value` says that its return value is no future.
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

/// Returns whether a closure would change the meaning of the body.
fn needs_guard(function: &Function, output: Option<&Type>) -> bool {
    function.is_unclear()
        || output.is_some_and(is_only_a_functions)
        || !function.parameters.are_names()
        || depends_on_its_frame(function)
}

/// Returns whether the body may observe its caller: a trait may give its methods `#[track_caller]`,
/// out of sight here. That matters where the body asks for its location or panics. A function
/// without `self` may also be free, so it counts as a trait's only if it mentions `caller`.
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

/// Returns whether a value is followed by brackets, at any depth.
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

/// Returns whether only a function can have this return type: a closure cannot return `!` or
/// `impl Trait`, which a macro may hide, and `impl Fn(&str)` gives a returned closure its argument
/// types only in the function's own tail.
fn is_only_a_functions(output: &Type) -> bool {
    matches!(output, Type::Never(_) | Type::Macro(_)) || mentions(output.to_token_stream(), &|ident| ident == "impl")
}

/// Returns whether the body depends on its frame: `Location::caller()` in a closure is the
/// closure's caller, a closure does not inline across target features, and some lints that
/// `#[expect]` names look only at a function's own body.
fn depends_on_its_frame(function: &Function) -> bool {
    const ATTRIBUTES: [&str; 3] = ["track_caller", "target_feature", "expect"];
    function.opening.attributes.iter().any(|attribute| {
        mentions(attribute.meta.to_token_stream(), &|ident| ATTRIBUTES.iter().any(|name| ident == name))
    })
}

/// Returns whether an identifier or keyword that satisfies `such` is among the tokens, at any
/// depth.
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

/// Returns whether the standard library's `Future` is among the bounds, by its bare name or by a
/// path that leads to it.
fn names_future<'a>(bounds: impl IntoIterator<Item = &'a TypeParamBound>) -> bool {
    const LIBRARIES: [&str; 6] = ["Future", "core", "future", "futures", "futures_util", "std"];
    let leads_there =
        |path: &Path| path.segments.first().is_some_and(|first| LIBRARIES.iter().any(|it| first.ident == it));
    bounds.into_iter().any(|bound| match bound {
        TypeParamBound::Trait(bound) => ends_in(&bound.path, &["Future"]) && leads_there(&bound.path),
        _ => false,
    })
}

/// Returns the type inside `Pin<Box<…>>`.
fn pinned(ty: &Type) -> Option<&Type> {
    let boxed = path_of(ty).filter(|path| ends_in(path, &["Pin"])).and_then(type_argument).and_then(path_of)?;
    Some(boxed).filter(|path| ends_in(path, &["Box"])).and_then(type_argument)
}

/// Returns whether a type may be an alias of a boxed future: any path except the listed common
/// types.
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
