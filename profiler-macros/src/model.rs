//! The checked model of one use of an attribute, with everything that the expansion needs.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{LitStr, Path};

use crate::arguments;
use crate::flow::{self, Flow};
use crate::function::{self, Function};
use crate::kind::{Form, Kind};
use crate::mistakes::Mistakes;
use crate::name::Name;
use crate::options::{self, Description, Options};
use crate::root::Root;

/// An annotated function.
pub(crate) struct Annotated {
    pub(crate) kind: Kind,
    pub(crate) name: Name,
    /// Path of the runtime.
    pub(crate) krate: Path,
    pub(crate) description: Description,
    pub(crate) flow: Flow,
    pub(crate) function: Function,
}

impl Annotated {
    /// Reads the `tokens` of the attribute's arguments and its `item`. Returns a `compile_error!`
    /// for each mistake as the error.
    pub(crate) fn read(kind: Kind, root: Root, tokens: TokenStream, item: TokenStream) -> Result<Self, TokenStream> {
        let mut mistakes = Mistakes::default();
        let form = Form::Attribute(kind);
        let arguments = arguments::read(form, tokens.clone(), &mut mistakes);
        let options = options::read(form, arguments, &mut mistakes);
        let function = function::read(kind, item, tokens, &mut mistakes);
        if let Some(function) = &function {
            check(kind, function, &mut mistakes);
            if let Some(value) = options.value.as_ref().filter(|_| function.opening.asyncness.is_some()) {
                let what = "`value` times the call, and the call of an `async fn` does nothing: remove `value`";
                mistakes.at(value, what);
            }
        }
        mistakes.finish(function.map(|function| Self::new(kind, root, options, function)))
    }

    fn new(kind: Kind, root: Root, options: Options, function: Function) -> Self {
        let Options { name, description, value, krate } = options;
        let own_name = || LitStr::new(&function.opening.name.unraw().to_string(), Span::mixed_site());
        Self {
            kind,
            name: name.unwrap_or_else(|| Name::Literal(own_name())),
            krate: krate.unwrap_or_else(|| root.path()),
            description,
            flow: Flow::new(&function, value.is_some()),
            function,
        }
    }
}

/// Reports functions whose body cannot be timed.
fn check(kind: Kind, function: &Function, mistakes: &mut Mistakes) {
    let attribute = kind.attribute();
    if let Some(constness) = &function.opening.constness {
        let what = format!(
            "a `const fn` may run in the compiler, where there is no time to measure: remove `const` or `{attribute}`"
        );
        mistakes.at(constness, what);
    }
    for written in &function.opening.attributes {
        if flow::mentions(written.meta.to_token_stream(), &|ident| ident == "naked") {
            mistakes.at(
                &written.meta,
                format!("a naked function has no room for more than its assembly: put `{attribute}` on its callers"),
            );
        }
    }
}
