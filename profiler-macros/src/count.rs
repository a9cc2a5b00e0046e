//! Rewrites the arithmetic of `flops = 2 * rows * inner * cols` so that it cannot overflow.
//!
//! The product may not fit the types of the user's operands. So each operand is passed to the
//! runtime's `count`, and the operators are applied to the results. Only arithmetic in the option
//! itself is rewritten: sums, products, quotients, parentheses and casts to a wide type. Blocks,
//! closures and calls are operands and are computed as written.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::{BinOp, Expr, ExprLit, Lit, LitInt, Path, Type};

use crate::arguments::Value;
use crate::expand::generated_at;
use crate::fragment;

/// Integer types to which a count can be cast without loss.
const WIDE: [&str; 6] = ["u64", "u128", "usize", "i64", "i128", "isize"];

/// Returns the value with its arithmetic rewritten to the runtime's numbers, or as written if it
/// has none.
pub(crate) fn checked(value: &Value, krate: &Path) -> TokenStream {
    if is_arithmetic(&value.expression) { rewritten(&value.expression, krate) } else { value.to_token_stream() }
}

fn is_arithmetic(expression: &Expr) -> bool {
    match expression {
        Expr::Binary(binary) => operates(&binary.op),
        Expr::Paren(inner) => is_arithmetic(&inner.expr),
        Expr::Group(inner) => is_arithmetic(&inner.expr),
        Expr::Cast(cast) => is_wide(&cast.ty) && is_arithmetic(&cast.expr),
        _ => false,
    }
}

const fn operates(operator: &BinOp) -> bool {
    matches!(operator, BinOp::Add(_) | BinOp::Sub(_) | BinOp::Mul(_) | BinOp::Div(_) | BinOp::Rem(_))
}

fn is_wide(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if WIDE.iter().any(|wide| path.path.is_ident(wide)))
}

fn rewritten(expression: &Expr, krate: &Path) -> TokenStream {
    let span = generated_at(expression.span());
    match expression {
        Expr::Binary(binary) if operates(&binary.op) => {
            let (left, operator, right) = (rewritten(&binary.left, krate), &binary.op, rewritten(&binary.right, krate));
            let operator = respanned(operator.to_token_stream(), span);
            quote_spanned!(span=> (#left #operator #right))
        }
        Expr::Paren(inner) => rewritten(&inner.expr, krate),
        Expr::Group(inner) => rewritten(&inner.expr, krate),
        Expr::Cast(cast) if is_arithmetic(expression) => rewritten(&cast.expr, krate),
        Expr::Lit(ExprLit { lit: Lit::Int(integer), .. }) if integer.suffix().is_empty() => {
            let literal = LitInt::new(&format!("{}i128", integer.base10_digits()), span);
            quote_spanned!(span=> #krate::__private::whole(#literal))
        }
        other => {
            let trees: Vec<TokenTree> = other.to_token_stream().into_iter().collect();
            let written = fragment::expressions(&trees);
            quote_spanned!(span=> #krate::__private::count(#written))
        }
    }
}

fn respanned(tokens: TokenStream, span: Span) -> TokenStream {
    let at = |mut tree: TokenTree| {
        tree.set_span(span);
        tree
    };
    tokens.into_iter().map(at).collect()
}
