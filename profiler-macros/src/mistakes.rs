//! Collects the mistakes in one use of an attribute or a block macro, so that all are reported at
//! once.
//!
//! Parsing and checking add mistakes and continue. [`Mistakes::finish`] is the only way to a model,
//! so that no mistake can be forgotten.

use proc_macro2::TokenStream;
use quote::ToTokens;

/// Mistakes found so far.
#[derive(Debug, Default)]
pub(crate) struct Mistakes {
    errors: Option<syn::Error>,
}

impl Mistakes {
    /// Adds a mistake at the span of `tokens`: a lower-case sentence that says what to write
    /// instead.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, sentence: impl std::fmt::Display) {
        self.add(syn::Error::new_spanned(tokens, sentence));
    }

    /// Adds a mistake that the parser has found.
    pub(crate) fn add(&mut self, error: syn::Error) {
        match &mut self.errors {
            None => self.errors = Some(error),
            Some(errors) => errors.combine(error),
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.errors.is_none()
    }

    /// Returns `model` if there are no mistakes, else a `compile_error!` for each. `model` is
    /// `None` only after a mistake.
    pub(crate) fn finish<T>(self, model: Option<T>) -> Result<T, TokenStream> {
        match (self.errors, model) {
            (None, Some(model)) => Ok(model),
            (errors, _) => Err(errors.map(|errors| errors.to_compile_error()).unwrap_or_default()),
        }
    }
}
