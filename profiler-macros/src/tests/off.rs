//! Tests of the attributes without the feature `enable`: correct uses change nothing, and mistakes
//! are still reported.

use super::tokens;
use crate::apply;
use crate::kind::Kind;
use crate::root::Root;

#[test]
fn the_item_is_returned_token_for_token() {
    for item in [
        "#[inline] pub fn f<T: Copy>(x: &T) -> T where T: Send { *x }",
        "async unsafe fn f(mut x: u32) -> u32 { x += 1; x }",
        "fn f() -> Pin<Box<dyn Future<Output = ()>>> { Box::pin(async move {}) }",
    ] {
        let output = apply(Kind::Op, Root::Runtime, tokens("\"f\", shapes(x), flops = 2 * x"), tokens(item), false);
        assert_eq!(output.to_string(), tokens(item).to_string());
    }
}

#[test]
fn mistakes_are_the_same_as_with_the_feature() {
    let output = |recording| {
        apply(Kind::Op, Root::Runtime, tokens("\"\", index = 1"), tokens("const fn f() {}"), recording).to_string()
    };
    assert_eq!(output(false), output(true));
    assert_eq!(output(false).matches("compile_error").count(), 3);
}
