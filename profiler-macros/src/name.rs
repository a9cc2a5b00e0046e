//! The name of a site: a literal, or an expression that the compiler evaluates.
//!
//! A literal is checked here, at its span. A constant is checked by the runtime's `check_name`
//! while the program compiles. An expression that is recognizably no constant is reported here,
//! because the compiler's own error does not say which function takes a name at run time.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Lit, LitStr, Path};

use crate::arguments::Value;
use crate::expand::generated_at;
use crate::kind::Form;

/// Name of a site.
pub(crate) enum Name {
    Literal(LitStr),
    /// Any other expression that may be constant.
    Constant(Value),
}

impl Name {
    /// Reads a name; returns what is wrong with it as the error.
    pub(crate) fn read(form: Form, value: Value) -> syn::Result<Self> {
        if let Some(literal) = string(&value.expression) {
            return checked(form, literal).map(Self::Literal);
        }
        match grade(&value.expression) {
            Grade::Constant => Ok(Self::Constant(value)),
            Grade::Generic => Err(Error::new_spanned(&value, by_address(form, &value))),
            Grade::AtRunTime => Err(Error::new_spanned(&value, at_run_time(form, &value))),
            Grade::WithoutQuotes if form.is_block() => Err(Error::new_spanned(&value, at_run_time(form, &value))),
            Grade::WithoutQuotes | Grade::Other => {
                let example = form.written_with("\"…\"");
                let what = format!("the name must be a string literal or a constant, as in `{example}`");
                Err(Error::new_spanned(&value, what))
            }
        }
    }

    /// Returns the name as text.
    #[cfg(test)]
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Literal(literal) => literal.value(),
            Self::Constant(value) => value.to_token_stream().to_string(),
        }
    }

    /// Returns the expression that names the site.
    pub(crate) fn expression(&self, krate: &Path) -> TokenStream {
        match self {
            Self::Literal(literal) => literal.to_token_stream(),
            Self::Constant(value) => {
                quote_spanned!(generated_at(value.expression.span())=> #krate::__private::check_name(#value))
            }
        }
    }
}

/// Suitability of an expression as a name.
enum Grade {
    Constant,
    /// `Self::NAME`, which a `static` cannot mention.
    Generic,
    /// A variable or a call.
    AtRunTime,
    /// A field, or a dotted name without its quotes.
    WithoutQuotes,
    /// A number, a tuple and so on.
    Other,
}

fn grade(value: &Expr) -> Grade {
    match value {
        Expr::Path(path) if path.path.segments.first().is_some_and(|first| first.ident == "Self") => Grade::Generic,
        Expr::Path(path) => match path.path.get_ident() {
            Some(ident) if !is_constant(ident) => Grade::AtRunTime,
            _ => Grade::Constant,
        },
        Expr::Macro(written) if written.mac.path.is_ident("format") => Grade::AtRunTime,
        Expr::Macro(_) | Expr::Block(_) | Expr::Const(_) | Expr::If(_) | Expr::Match(_) => Grade::Constant,
        Expr::Call(_) | Expr::MethodCall(_) => Grade::AtRunTime,
        Expr::Field(_) => Grade::WithoutQuotes,
        Expr::Group(inner) => grade(&inner.expr),
        Expr::Paren(inner) => grade(&inner.expr),
        Expr::Reference(inner) => grade(&inner.expr),
        Expr::Index(inner) => grade(&inner.expr),
        _ => Grade::Other,
    }
}

/// Returns whether an identifier is written as constants are.
pub(crate) fn is_constant(ident: &Ident) -> bool {
    let text = ident.to_string();
    text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase)
}

fn at_run_time(form: Form, value: &Value) -> String {
    let (function, shown) = (function(form), shown(value));
    let instead = if form.is_block() {
        format!("write `profiler_runtime::{function}({shown})`")
    } else {
        format!("begin the range in the body, with `let _{function} = profiler_runtime::{function}(…);`")
    };
    format!("a name in `{}` is a constant: for one that is known at run time, {instead}", form.written())
}

fn by_address(form: Form, value: &Value) -> String {
    let (function, shown) = (function(form), shown(value));
    let written = form.written();
    format!(
        "a name in `{written}` becomes a `static`, which cannot mention `Self`: write the type's name, or \
         `profiler_runtime::{function}({shown})`"
    )
}

/// Returns the function that takes a name at run time.
const fn function(form: Form) -> &'static str {
    form.kind().function()
}

/// Returns an expression as a message shows it.
fn shown(value: &Value) -> String {
    let text = value.expression.to_token_stream().to_string();
    let text = [(" :: ", "::"), (" . ", "."), (" ! ", "!"), (" (", "("), ("( ", "("), (" )", ")"), ("& ", "&")]
        .into_iter()
        .fold(text, |text, (from, to)| text.replace(from, to));
    if matches!(value.expression, Expr::Macro(_) | Expr::Call(_) | Expr::MethodCall(_)) {
        format!("&{text}")
    } else {
        text
    }
}

fn checked(form: Form, name: &LitStr) -> syn::Result<LitStr> {
    let text = name.value();
    if text.trim().is_empty() {
        let what = if form.is_block() {
            "the name is empty: write what the trace should show"
        } else {
            "the name is empty: write one, or leave it out to use the function's own"
        };
        return Err(Error::new_spanned(name, what));
    }
    if text.contains('\0') {
        let what = "the name contains a NUL, at which NVTX would cut it off: remove the `\\0`";
        return Err(Error::new_spanned(name, what));
    }
    Ok(name.clone())
}

/// Returns the value if it is a string literal, possibly in the invisible delimiters of a macro's
/// fragment.
pub(crate) fn string(value: &Expr) -> Option<&LitStr> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(literal), attrs }) if attrs.is_empty() => Some(literal),
        Expr::Group(group) => string(&group.expr),
        _ => None,
    }
}
