//! `flops = 2 * rows * inner * cols`, computed so that it cannot overflow.
//!
//! The operands have the user's types, in which the product may not fit. So each goes to the
//! runtime's `count`, and the operators work on the results. Only arithmetic in the option itself
//! counts: sums, products, quotients, parentheses and casts to a wide type. Blocks, closures and
//! calls are operands, computed as written.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::{BinOp, Expr, ExprLit, Lit, LitInt, Path, Type};

use crate::arguments::Value;
use crate::expand::ours_at;
use crate::fragment;

/// Integer types in which a cast loses nothing of a count.
const WIDE: [&str; 6] = ["u64", "u128", "usize", "i64", "i128", "isize"];

/// Returns the value with its arithmetic in the runtime's numbers, or as it was written if it has
/// no arithmetic.
pub(crate) fn checked(value: &Value, krate: &Path) -> TokenStream {
    if is_arithmetic(&value.expression) { part(&value.expression, krate) } else { value.to_token_stream() }
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

fn part(expression: &Expr, krate: &Path) -> TokenStream {
    let place = ours_at(expression.span());
    match expression {
        Expr::Binary(binary) if operates(&binary.op) => {
            let (left, operator, right) = (part(&binary.left, krate), &binary.op, part(&binary.right, krate));
            let operator = respanned(operator.to_token_stream(), place);
            quote_spanned!(place=> (#left #operator #right))
        }
        Expr::Paren(inner) => part(&inner.expr, krate),
        Expr::Group(inner) => part(&inner.expr, krate),
        Expr::Cast(cast) if is_arithmetic(expression) => part(&cast.expr, krate),
        Expr::Lit(ExprLit { lit: Lit::Int(integer), .. }) if integer.suffix().is_empty() => {
            let literal = LitInt::new(&format!("{}i128", integer.base10_digits()), place);
            quote_spanned!(place=> #krate::__private::whole(#literal))
        }
        other => {
            let trees: Vec<TokenTree> = other.to_token_stream().into_iter().collect();
            let written = fragment::expressions(&trees);
            quote_spanned!(place=> #krate::__private::count(#written))
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
