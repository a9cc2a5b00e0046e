//! Expands the block macros `stage!`, `step!` and `op!`, which take the options of the attributes.
//!
//! `profiler-core` passes its own path, the kind and the user's tokens. The expansion is a call of
//! its `__profiler_guard!`, which knows whether ranges record in this build.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{ParseStream, Parser};
use syn::{Error, Path, Token, bracketed};

use crate::arguments;
use crate::kind::{Form, Kind};
use crate::mistakes::Mistakes;
use crate::name::Name;
use crate::options::{self, Description};

/// One use of a block macro.
struct Block {
    kind: Kind,
    krate: Path,
    name: Name,
    description: Description,
}

/// Expands `path, Kind, [the user's tokens]`. After a mistake the expression is a guard that
/// records nothing, so that the mistake causes no further errors.
pub(crate) fn expand(tokens: TokenStream) -> TokenStream {
    let parts = |input: ParseStream<'_>| {
        let krate = input.call(Path::parse_mod_style)?;
        input.parse::<Token![,]>()?;
        let kind: Ident = input.parse()?;
        let kind = Kind::of_variant(&kind).ok_or_else(|| Error::new_spanned(&kind, "expected a kind"))?;
        input.parse::<Token![,]>()?;
        let written;
        bracketed!(written in input);
        Ok((krate, kind, written.parse::<TokenStream>()?))
    };
    match parts.parse2(tokens) {
        Ok((krate, kind, written)) => match Block::read(krate.clone(), kind, written) {
            Ok(block) => block.expand(),
            Err(errors) => quote_spanned!(Span::mixed_site()=> { #errors #krate::__private::Range::nothing() }),
        },
        Err(error) => error.to_compile_error(),
    }
}

impl Block {
    fn read(krate: Path, kind: Kind, written: TokenStream) -> Result<Self, TokenStream> {
        let form = Form::Block(kind);
        let mut mistakes = Mistakes::default();
        let arguments = arguments::read(form, written, &mut mistakes);
        let options = options::read(form, arguments, &mut mistakes);
        if options.name.is_none() && mistakes.is_empty() {
            let example = form.written_with("\"…\"");
            mistakes.add(Error::new(Span::call_site(), format!("the name is missing: write `{example}`")));
        }
        let description = options.description;
        mistakes.finish(options.name.map(|name| Self { kind, krate, name, description }))
    }

    fn expand(&self) -> TokenStream {
        let Self { krate, description, .. } = self;
        let (kind, name) = (Ident::new(self.kind.variant(), Span::mixed_site()), self.name.expression(krate));
        let names = description.names().unwrap_or_else(|| quote!(, []));
        let describe = description.closure(krate).map(|describe| quote_spanned!(Span::mixed_site()=> , #describe));
        quote_spanned!(Span::mixed_site()=> #krate::__profiler_guard!(#kind, #name #names #describe))
    }
}
