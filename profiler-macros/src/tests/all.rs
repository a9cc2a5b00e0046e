//! Tests of `#[profiled_all]` as a function from tokens to tokens.

use super::tokens;
use crate::all;
use crate::root::Root;

fn expanded(arguments: &str, item: &str) -> String {
    all::apply(Root::Runtime, tokens(arguments), tokens(item), true).to_string()
}

/// Returns the names of the ranges, in order.
fn names(arguments: &str, item: &str) -> Vec<String> {
    let text = expanded(arguments, item);
    assert!(!text.contains("compile_error"), "{text}");
    text.split(" (\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
}

/// Returns the sentence of the only error.
fn only_sentence(arguments: &str, item: &str) -> String {
    let text = expanded(arguments, item);
    assert!(text.ends_with(&tokens(item).to_string()), "the item is kept: {text}");
    assert_eq!(text.matches("compile_error").count(), 1, "{text}");
    let sentence = text.split("compile_error ! { \"").nth(1).and_then(|rest| rest.split("\" }").next());
    sentence.unwrap_or_default().replace("\\\"", "\"")
}

const UNET: &str = "impl<T: Into<f32>> crate::UNet<T> where T: Copy {
    const N: [u8; 2] = { [1, 2] };
    pub const fn new() -> Self { Self }
    /// Docs.
    #[inline] pub fn forward<const M: usize>(&self, x: [T; M]) -> T { x[0] }
    async fn r#match(&mut self) {}
    #[cfg_attr(test, profiled_stage(\"own\"))] fn forward_t(&self) {}
    unsafe extern \"C\" fn block() {}
}";

#[test]
fn every_function_with_a_body_gets_an_attribute() {
    assert_eq!(names("", UNET), ["UNet.forward", "UNet.match", "own", "UNet.block"]);
    assert_eq!(names("prefix = \"\"", UNET), ["forward", "match", "own", "block"]);
    let text = expanded(
        "stage, prefix = \"unet\", crate = a::rt, only(\"forward*\"), except(\"x\", )",
        "trait T { fn forward(&self) { } fn x() { } fn y(); }",
    );
    let attribute = "# [a :: rt :: profiled_stage (\"unet.forward\" , crate = a :: rt)] fn forward (& self) { }";
    assert_eq!(text, format!("trait T {{ {attribute} fn x () {{ }} fn y () ; }}"));
    assert_eq!(names("", "impl<'a> Layer for &'a mut nn::Linear<'a> { fn f() {} }"), ["Linear.f"]);
}

#[test]
fn modules_are_searched_for_functions_and_methods() {
    let module = "mod nn { use a::b; fn f() {} struct S { a: u8 } impl S { fn g() {} } impl D for S { fn h() {} } \
                  macro_rules! m { () => { fn no() {} } } extern \"C\" { fn c(); } mod inner { fn i() {} } }";
    assert_eq!(names("step", module), ["nn.f", "nn.S.g", "nn.S.h"]);
    assert_eq!(names("nested", module), ["nn.f", "nn.S.g", "nn.S.h", "nn.inner.i"]);
    assert_eq!(names("only(\"?\"), except(\"f\", \"h\")", module), ["nn.S.g"]);
}

#[test]
fn without_the_feature_the_block_is_unchanged() {
    let output = all::apply(Root::Core, tokens("prefix = \"a\""), tokens(UNET), false);
    assert_eq!(output.to_string(), tokens(UNET).to_string());
}

#[test]
fn a_mistake_is_one_error_and_the_block_is_kept() {
    let of = |arguments| only_sentence(arguments, UNET);
    assert_eq!(of("only(\"forwrad\")"), "`forwrad` matches no function here: did you mean `forward`?");
    assert_eq!(of("except(\"zzzzz*\")"), "`zzzzz*` matches no function here: there are `forward`, `match`, `block`");
    assert_eq!(of("prefx = \"a\""), "unknown option `prefx`: did you mean `prefix`?");
    assert_eq!(of("stage, op"), "the kind is given twice: keep one of them");
    assert_eq!(of("prefix = 1"), "`prefix` is written `prefix = \"unet\"`");
    assert_eq!(of("only = \"a\""), "`only` is written `only(\"forward*\")`");
    assert_eq!(of("only(forward)"), "a pattern is a string, as in `only(\"forward*\")`");
    assert!(of("\"unet\"").ends_with("write what the names begin with as `prefix = \"unet\"`"));
    let on = |item| only_sentence("", item);
    assert!(on("fn f() {}").ends_with("not on `fn`: write `#[profiled_op]` on a function"));
    assert!(on("struct S { a: u8 }").contains("not on `struct`"));
    assert!(on("mod nn;").starts_with("`#[profiled_all]` goes on a block with functions in it"));
    assert!(on("impl S { const fn f() {} }").starts_with("there is no function here"));
}
