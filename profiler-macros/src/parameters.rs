//! Moves a function's parameters into the closure or async block that contains its body.
//!
//! A function drops its parameters after the variables of its body, the last one first, and with
//! each parameter the parts of the argument that its pattern does not bind. A closure captures only
//! the variables that it uses, and drops them in the order of first use. So the moved body begins
//! with statements that capture every parameter and restore the order. A variable that is rebound
//! (`let a = a;`) is dropped with the body's own variables, in reverse. A variable that is only
//! mentioned (`let _ = &a;`) is captured, and dropped after those in the order of mention.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::buffer::Cursor;
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Pat, PatIdent, Receiver, ReceiverKind, Token, Type};

use crate::flow::mentions;
use crate::fragment;

/// The parameters of one function, in order.
pub(crate) struct Parameters {
    group: Group,
    list: Vec<Parameter>,
    /// True if all parameters could be parsed.
    is_clear: bool,
    /// The attribute's options, which may be a parameter's only use.
    options: TokenStream,
    /// True if the function may return a parameter that is a reference.
    may_return_references: bool,
}

struct Parameter {
    attributes: Vec<Attribute>,
    pattern: TokenStream,
    /// The colon and the type.
    ty: TokenStream,
    binding: Binding,
}

/// Variables that a parameter's pattern binds.
enum Binding {
    /// `self`, with its name if it is taken by value.
    Receiver(Option<Ident>),
    /// A name, with `mut` if it is mutable.
    Name(Ident, Option<Token![mut]>),
    /// Names, in order, of a pattern that binds every part of the argument.
    Names(Vec<Ident>),
    /// Any other pattern.
    Other,
}

/// The signature's parameters, and the statements at the start of the moved body.
pub(crate) struct Moved {
    pub(crate) signature: Group,
    pub(crate) statements: TokenStream,
}

/// Parses the parameters of a function that returns `output`. Parameters that cannot be parsed are
/// left unchanged.
pub(crate) fn read(group: &Group, output: &TokenStream, options: TokenStream) -> Parameters {
    let all = |input: ParseStream<'_>| {
        let mut list = Vec::new();
        while !input.is_empty() {
            list.push(parameter(input)?);
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(list)
    };
    let list = all.parse2(group.stream()).ok();
    let is_clear = list.is_some();
    let may_return_references = has_sign(output.clone(), &['&', '\'']);
    Parameters { group: group.clone(), list: list.unwrap_or_default(), is_clear, options, may_return_references }
}

fn parameter(input: ParseStream<'_>) -> syn::Result<Parameter> {
    let attributes = input.call(Attribute::parse_outer)?;
    let begin = input.cursor();
    let ahead = input.fork();
    let binding = if let Ok(receiver) = ahead.parse::<Receiver>() {
        input.advance_to(&ahead);
        let by_value = !matches!(receiver.kind, ReceiverKind::Reference(..));
        Binding::Receiver(by_value.then(|| Ident::new("self", receiver.self_token.span)))
    } else if input.parse::<Option<Token![...]>>()?.is_some() {
        Binding::Other
    } else {
        Binding::of(&input.call(Pat::parse_single)?)
    };
    let colon = input.cursor();
    let pattern = between(begin, colon);
    match (&binding, input.parse::<Option<Token![:]>>()?) {
        (_, Some(_)) => drop(input.parse::<Type>()?),
        // The compiler would report the pattern a second time in a generated statement.
        (Binding::Other, None) => return Err(input.error("a pattern without a type")),
        (_, None) => {}
    }
    Ok(Parameter { attributes, pattern, ty: between(colon, input.cursor()), binding })
}

/// Returns the original tokens between two positions of the parser.
fn between(begin: Cursor<'_>, end: Cursor<'_>) -> TokenStream {
    fragment::types(&fragment::between(begin, end))
}

impl Binding {
    fn of(pattern: &Pat) -> Self {
        if let Pat::Ident(PatIdent { by_ref: None, subpat: None, ident, mutability, .. }) = pattern
            && is_variable(ident)
        {
            return Self::Name(ident.clone(), *mutability);
        }
        let mut names = Vec::new();
        if binds_all(pattern, &mut names) { Self::Names(names) } else { Self::Other }
    }
}

/// Returns whether a pattern binds every part of its value, by value and immutably. Appends the
/// bound names to `names`.
fn binds_all(pattern: &Pat, names: &mut Vec<Ident>) -> bool {
    match pattern {
        Pat::Ident(PatIdent { by_ref: None, mutability: None, subpat: None, ident, .. }) => {
            names.push(ident.clone());
            is_variable(ident)
        }
        Pat::Tuple(tuple) => tuple.elems.iter().all(|element| binds_all(element, names)),
        Pat::TupleStruct(tuple) => tuple.elems.iter().all(|element| binds_all(element, names)),
        Pat::Slice(slice) => slice.elems.iter().all(|element| binds_all(element, names)),
        // If `S { a }` were rebound, rustc would suggest `_a` for an unused `a`, but `_a` is no
        // field.
        Pat::Struct(of) => {
            of.rest.is_none()
                && of.fields.iter().all(|field| field.colon_token.is_some() && binds_all(&field.pat, names))
        }
        Pat::Reference(reference) => binds_all(&reference.pat, names),
        Pat::Paren(inner) => binds_all(&inner.pat, names),
        _ => false,
    }
}

/// Returns whether a name in a pattern is a variable, and not a constant, a unit struct or a
/// variant.
fn is_variable(ident: &Ident) -> bool {
    !ident.unraw().to_string().starts_with(char::is_uppercase)
}

impl Parameters {
    /// Returns the original parameters in their parentheses.
    pub(crate) fn group(&self) -> &Group {
        &self.group
    }

    /// Returns whether all parameters can move into a closure without a change to the signature,
    /// except for `mut`.
    pub(crate) fn are_names(&self) -> bool {
        let is_name = |parameter: &Parameter| {
            !matches!(parameter.binding, Binding::Other) && !parameter.attributes.iter().any(is_about_lints)
        };
        self.is_clear && self.list.iter().all(is_name)
    }

    /// Returns whether the first parameter is `self`, by value or not.
    pub(crate) fn have_receiver(&self) -> bool {
        self.list.first().is_some_and(|first| matches!(first.binding, Binding::Receiver(_)))
    }

    /// Rebinds all parameters in a closure.
    pub(crate) fn in_closure(&self, body: &Group) -> Moved {
        self.moved(body, 0)
    }

    /// Rebinds parameters in an async block. The block stores a rebound variable twice, so only the
    /// first parameter that needs it, and those after it, are rebound.
    pub(crate) fn in_async_block(&self, body: &Group) -> Moved {
        let is_captured = |parameter: &Parameter| match &parameter.binding {
            Binding::Receiver(_) => true,
            Binding::Name(name, mutability) => {
                mutability.is_none() && parameter.attributes.is_empty() && is_among(body.stream(), name)
            }
            Binding::Names(names) => {
                parameter.attributes.is_empty() && names.iter().all(|name| is_among(body.stream(), name))
            }
            Binding::Other => false,
        };
        self.moved(body, self.list.iter().position(|parameter| !is_captured(parameter)).unwrap_or(self.list.len()))
    }

    /// Captures the parameters before `first_bound` and rebinds the others.
    fn moved(&self, body: &Group, first_bound: usize) -> Moved {
        let (captured, bound) = self.list.split_at(first_bound);
        let mentioned = captured.iter().rev().map(|parameter| parameter.mention(body));
        let rebound = bound.iter().enumerate().map(|(at, parameter)| parameter.rebind(at, body, self));
        let statements = quote!(#(#mentioned)* #(#rebound)*);
        if bound.iter().all(Parameter::stays) {
            return Moved { signature: self.group.clone(), statements };
        }
        let captured =
            captured.iter().map(|Parameter { attributes, pattern, ty, .. }| quote!(#(#attributes)* #pattern #ty));
        let bound = bound.iter().enumerate().map(|(at, parameter)| parameter.in_signature(at));
        let written = captured.chain(bound);
        let mut signature = Group::new(Delimiter::Parenthesis, quote!(#(#written),*));
        signature.set_span(self.group.span());
        Moved { signature, statements }
    }
}

impl Parameter {
    /// Mentions a parameter that is not rebound, so that it is captured. Left in the function it
    /// would be dropped last, as only `self` may be.
    fn mention(&self, body: &Group) -> TokenStream {
        match &self.binding {
            Binding::Receiver(Some(this)) if is_among(body.stream(), this) => mention(this),
            Binding::Name(name, _) => mention(name),
            Binding::Names(names) => names.iter().rev().map(mention).collect(),
            Binding::Receiver(_) | Binding::Other => TokenStream::new(),
        }
    }

    fn rebind(&self, at: usize, body: &Group, all: &Parameters) -> TokenStream {
        let attributes: Vec<_> = self.attributes.iter().filter(|it| is_about_lints(it) || is_condition(it)).collect();
        let bind = |name: &Ident, mutability: Option<Token![mut]>| {
            // Clippy would advise a slice for a `&Vec<T>` that a closure returns; a mention
            // suppresses that.
            let is_returned = all.may_return_references && has_sign(self.ty.clone(), &['&']);
            let is_mentioned = is_returned || is_among(all.options.clone(), name);
            let (used, allowed) = (is_mentioned.then(|| mention(name)), allowed(name));
            quote_spanned! {Span::mixed_site()=>
                #(#attributes)* #allowed #[allow(clippy::shadow_same)] let #mutability #name = #name; #used
            }
        };
        match &self.binding {
            Binding::Receiver(_) => self.mention(body),
            Binding::Name(name, mutability) => bind(name, *mutability),
            Binding::Names(names) => names.iter().map(|name| bind(name, None)).collect(),
            Binding::Other => {
                let (argument, pattern) = (argument(at), &self.pattern);
                quote_spanned! {Span::mixed_site()=>
                    #(#attributes)* let #argument = #argument;
                    #(#attributes)* let #pattern = #argument;
                }
            }
        }
    }

    /// Returns whether the signature of a rebound parameter is unchanged.
    fn stays(&self) -> bool {
        let plain = match &self.binding {
            Binding::Receiver(_) => return true,
            Binding::Name(_, mutability) => mutability.is_none(),
            Binding::Names(_) => true,
            Binding::Other => false,
        };
        plain && !self.attributes.iter().any(is_about_lints)
    }

    /// Returns the parameter for the signature. `mut` and lint levels move to the statement that
    /// rebinds it.
    fn in_signature(&self, at: usize) -> TokenStream {
        let Self { attributes, pattern, ty, binding } = self;
        let pattern = match binding {
            Binding::Name(name, _) => name.to_token_stream(),
            Binding::Other => argument(at).to_token_stream(),
            Binding::Receiver(_) => return quote!(#(#attributes)* #pattern #ty),
            Binding::Names(_) => pattern.clone(),
        };
        let attributes = attributes.iter().filter(|attribute| !is_about_lints(attribute));
        quote!(#(#attributes)* #pattern #ty)
    }
}

fn mention(name: &Ident) -> TokenStream {
    let allowed = allowed(name);
    quote_spanned!(Span::mixed_site()=> #allowed let _ = &#name;)
}

/// Allows a generated statement to use a name that begins with an underscore.
fn allowed(name: &Ident) -> Option<TokenStream> {
    let has_underscore = name.to_string().starts_with('_');
    has_underscore.then(|| quote!(#[allow(clippy::used_underscore_binding, clippy::no_effect_underscore_binding)]))
}

/// Returns a name for a parameter whose pattern is no name. Documentation shows such names for any
/// `async fn`.
fn argument(at: usize) -> Ident {
    format_ident!("__arg{}", at, span = Span::mixed_site())
}

fn is_among(tokens: TokenStream, name: &Ident) -> bool {
    mentions(tokens, &|ident| ident == name)
}

/// Returns whether the tokens contain one of these punctuation characters, at any depth.
fn has_sign(tokens: TokenStream, signs: &[char]) -> bool {
    tokens.into_iter().any(|tree| match tree {
        TokenTree::Punct(punct) => signs.contains(&punct.as_char()),
        TokenTree::Group(group) => has_sign(group.stream(), signs),
        TokenTree::Ident(_) | TokenTree::Literal(_) => false,
    })
}

fn is_about_lints(attribute: &Attribute) -> bool {
    ["allow", "warn", "deny", "forbid", "expect"].iter().any(|level| attribute.path().is_ident(level))
}

fn is_condition(attribute: &Attribute) -> bool {
    ["cfg", "cfg_attr"].iter().any(|condition| attribute.path().is_ident(condition))
}
