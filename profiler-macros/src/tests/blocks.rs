//! Tests of the block macros as functions from tokens to tokens.

use super::tokens;
use crate::block;

/// Returns the expansion with single spaces.
fn expanded(kind: &str, written: &str) -> String {
    block::expand(tokens(&format!("runtime, {kind}, [{written}]"))).to_string()
}

/// Returns the sentence of the only error.
fn only_sentence(kind: &str, written: &str) -> String {
    let text = expanded(kind, written);
    assert!(text.ends_with("runtime :: __private :: Range :: nothing () }"), "{text}");
    let (before, sentence) = text.split_once("compile_error ! { \"").expect("a mistake is reported");
    assert!(!sentence.contains("compile_error"), "one mistake is one error: {before} {sentence}");
    sentence.split("\" }").next().unwrap_or_default().replace("\\\"", "\"")
}

#[test]
fn the_options_of_a_block_come_in_any_order() {
    let one = expanded("Op", "\"a\", shapes(x), flops = 2 * n, args(k = 1)");
    assert_eq!(one, expanded("Op", "flops = 2 * n, args(k = 1,), shapes(x,), name = \"a\","));
    assert!(one.contains("whole (2i128) * runtime :: __private :: count (n)"), "in 128 bits: {one}");
    let index = expanded("Step", "\"a\", index = f(i)");
    assert_eq!(index, expanded("Step", "\"a\", f(i)"));
    assert!(expanded("Step", "\"a\", index, args(k = 1)").contains(". index (index)"));
    assert_eq!(expanded("Stage", "\"a\""), "runtime :: __profiler_guard ! (Stage , \"a\" , [])");
}

#[test]
fn any_constant_expression_is_a_name() {
    for name in ["NAME", "concat!(\"a\", \"b\")", "names::VAE", "T::NAME", "const { name() }", "NAMES[0]"] {
        for written in [name.to_owned(), format!("name = {name}")] {
            let text = expanded("Stage", &written);
            assert!(text.contains("check_name (") && !text.contains("compile_error"), "{text}");
        }
    }
}

#[test]
fn a_name_known_at_run_time_goes_to_the_function() {
    let of = |name: &str, instead: &str| {
        let sentence = only_sentence("Stage", name);
        assert_eq!(
            sentence,
            format!(
                "a name in `stage!` is a constant: for one that is known at run time, write \
                 `profiler_runtime::stage({instead})`"
            )
        );
    };
    of("name", "name");
    of("&name", "&name");
    of("self.name", "self.name");
    of("layer.name()", "&layer.name()");
    of("name_of(layer)", "&name_of(layer)");
    of("format!(\"layer.{i}\")", "&format!(\"layer.{i}\")");
    assert!(only_sentence("Op", "Self::NAME").ends_with("`profiler_runtime::op(Self::NAME)`"));
}

#[test]
fn a_mistake_in_a_block_is_one_error() {
    assert_eq!(only_sentence("Stage", ""), "the name is missing: write `stage!(\"…\")`");
    assert_eq!(only_sentence("Stage", "args(n = 1)"), "the name is missing: write `stage!(\"…\")`");
    assert_eq!(only_sentence("Stage", "\" \""), "the name is empty: write what the trace should show");
    assert_eq!(only_sentence("Op", "\"a\", shape(x)"), "unknown option `shape`: did you mean `shapes`?");
    assert_eq!(only_sentence("Step", "\"a\", i, index = i"), "`index` is given twice: keep one of them");
    assert_eq!(
        only_sentence("Stage", "\"a\", flops = 1"),
        "`flops` is an option of `op!`: `stage!` takes `name` and `args`"
    );
    assert_eq!(
        only_sentence("Stage", "\"a\", value"),
        "`value` is an option of `#[profiled_stage]`: `stage!` takes `name` and `args`"
    );
    assert_eq!(
        only_sentence("Stage", "\"a\", args(n = 1, n = 2)"),
        "the argument `n` is given twice: keep one of them"
    );
    assert!(only_sentence("Op", "\"a\", args(stream = 1)").starts_with("the trace itself writes `stream`"));
}
