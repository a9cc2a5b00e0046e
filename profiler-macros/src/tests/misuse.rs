//! Tests of misuse: one mistake is one error, and the item is kept unchanged.

use super::{refused, tokens};
use crate::kind::Kind;

/// Returns the only error's sentence; checks that the item is kept.
fn only_sentence(kind: Kind, arguments: &str, item: &str) -> String {
    let (mut sentences, kept) = refused(kind, tokens(arguments), tokens(item));
    assert_eq!(kept, tokens(item).to_string());
    assert_eq!(sentences.len(), 1, "{sentences:?}");
    sentences.remove(0)
}

#[test]
fn only_functions_with_a_body_are_timed() {
    let on = |item| only_sentence(Kind::Stage, "", item);
    let misplaced = |keyword| {
        let goes = "`#[profiled_stage]` goes on a function with a body";
        format!("{goes}, not on `{keyword}`: put it on the functions to be timed")
    };
    assert_eq!(on("#[derive(Debug)] pub struct Vae { f: fn() }"), misplaced("struct"));
    assert_eq!(on("pub(crate) enum Expert { High }"), misplaced("enum"));
    assert_eq!(on("unsafe impl<T> Send for Vae<T> {}"), misplaced("impl"));
    assert_eq!(on("unsafe trait Decoder { fn f(); }"), misplaced("trait"));
    assert_eq!(on("const DECODE: fn() = decode;"), misplaced("const"));
    assert_eq!(on("static DECODE: fn() = decode;"), misplaced("static"));
    assert_eq!(on("type Decode = fn();"), misplaced("type"));
    assert_eq!(on("extern crate alloc;"), misplaced("extern"));
    assert_eq!(on("unsafe extern \"C\" { fn f(); }"), misplaced("extern"));
    assert_eq!(on("macro_rules! decode { () => {} }"), misplaced("macro_rules"));
}

#[test]
fn a_function_that_cannot_be_timed_says_why() {
    let on = |item| only_sentence(Kind::Op, "", item);
    let callers = "put `#[profiled_op]` on the functions that implement or call it";
    assert_eq!(on("fn decode(&self) -> u32;"), format!("`decode` has no body that could be timed: {callers}"));
    assert_eq!(on("pub safe fn decode(n: u32);"), format!("`decode` has no body that could be timed: {callers}"));
    assert!(on("pub const fn decode() {}").ends_with("remove `const` or `#[profiled_op]`"));
    assert!(on("#[unsafe(naked)] extern \"C\" fn decode() { ret() }").starts_with("a naked function"));
    assert!(on("gen fn decode() { yield 1 }").starts_with("expected"), "syntax that is newer than this crate");
}

#[test]
fn every_option_is_checked() {
    let of = |kind, arguments| only_sentence(kind, arguments, "fn f() {}");
    assert_eq!(of(Kind::Stage, "nmae = \"a\""), "unknown option `nmae`: did you mean `name`?");
    assert_eq!(of(Kind::Stage, "\"a\", name = \"b\""), "`name` is given twice: keep one of them");
    assert_eq!(
        of(Kind::Step, "flops = 1"),
        "`flops` is an option of `#[profiled_op]`: `#[profiled_step]` takes `name`, `index`, `args`, `value` and `crate`"
    );
    assert_eq!(
        of(Kind::Stage, "42"),
        "the name must be a string literal or a constant, as in `#[profiled_stage(\"…\")]`"
    );
    assert!(of(Kind::Stage, "name = self::name()").ends_with("with `let _stage = profiler_runtime::stage(…);`"));
    assert!(of(Kind::Op, "\"a\\0b\"").starts_with("the name contains a NUL"));
    assert_eq!(of(Kind::Op, "flops"), "`flops` needs a value: write `flops = 2 * m * n * k`");
    assert_eq!(of(Kind::Op, "shapes"), "`shapes` needs a value: write `shapes(x, self.weight)`");
    assert_eq!(of(Kind::Op, "name ="), "`name` needs a value: write `name = \"…\"`");
    assert_eq!(of(Kind::Stage, "args(n = 1, n = 2)"), "the argument `n` is given twice: keep one of them");
    let reserved = "the trace itself writes `stream`: choose another name, as in `args(my_stream = …)`";
    assert_eq!(of(Kind::Op, "args(stream = 1)"), reserved);
    assert_eq!(of(Kind::Op, "args(n)"), "`args` is written `args(tokens = n)`");
    assert_eq!(of(Kind::Op, "args()"), "`args()` lists no argument: write `args(tokens = n)`, or leave it out");
    assert_eq!(of(Kind::Op, "args = 1"), "`args` is written `args(tokens = n)`");
    assert_eq!(of(Kind::Op, "shapes(x = y)"), "`shapes` is written `shapes(x, self.weight)`");
    assert!(of(Kind::Op, "args(n = 1, m)").starts_with("expected a name and its value"));
    assert_eq!(of(Kind::Step, "\"a\" index = 1"), "expected a comma before the next argument");
}

#[test]
fn the_call_of_an_async_fn_cannot_be_timed() {
    let sentence = only_sentence(Kind::Stage, "value", "async fn f() {}");
    assert_eq!(sentence, "`value` times the call, and the call of an `async fn` does nothing: remove `value`");
}

#[test]
fn several_mistakes_are_several_errors() {
    let arguments = "\"\", flops = 1, colour = 2, 1 +, name = \"b\"";
    let (sentences, kept) = refused(Kind::Stage, tokens(arguments), tokens("const fn f() {}"));
    assert_eq!(kept, "const fn f () { }");
    assert_eq!(sentences.len(), 6, "{sentences:#?}");
}
