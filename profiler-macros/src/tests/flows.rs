//! Tests of the model: the flow of each kind of function, names and options.

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::{ToTokens, quote};

use super::{model, tokens};
use crate::flow::Flow;
use crate::kind::Kind;

fn flow(item: &str) -> Flow {
    model(Kind::Stage, TokenStream::new(), tokens(item)).flow
}

#[test]
fn plain_functions_run_in_a_closure() {
    assert_eq!(flow("fn f() {}"), Flow::Closure);
    assert_eq!(flow("unsafe extern \"C\" fn f(x: impl Fn() -> u32) -> Option<&str> { None }"), Flow::Closure);
    assert_eq!(flow("fn f() -> Result<Tensor> { g() }"), Flow::Closure);
    assert_eq!(flow("fn f(mut a: A, (b, c): (B, C), D { e: i, f: (g, _h) }: D) {}"), Flow::Closure);
    assert_eq!(flow("fn f() -> Box<dyn Fn() -> BoxFuture<'static, u32>> { g() }"), Flow::Closure);
    assert_eq!(flow("fn f() -> Box<dyn Future<Output = ()>> { g() }"), Flow::Closure);
}

#[test]
fn a_guard_is_used_where_a_closure_would_change_the_body() {
    assert_eq!(flow("fn f() -> ! { loop {} }"), Flow::Guard);
    assert_eq!(flow("fn f() -> Option<impl Fn(&str)> { None }"), Flow::Guard);
    assert_eq!(flow("#[cfg_attr(debug_assertions, track_caller)] fn f() {}"), Flow::Guard);
    assert_eq!(flow("#[target_feature(enable = \"avx2\")] fn f() {}"), Flow::Guard);
    assert_eq!(flow("unsafe extern \"C\" fn f(n: u32, ...) {}"), Flow::Guard);
    assert_eq!(flow("fn f() -> iterator!() { g() }"), Flow::Guard);
    assert_eq!(flow("#[expect(clippy::needless_return)] fn f() { return; }"), Flow::Guard);
}

#[test]
fn a_pattern_that_leaves_a_part_unbound_uses_a_guard() {
    for pattern in [
        "_",
        "(a, _)",
        "A { a, .. }",
        "[a, ..]",
        "ref a",
        "(a, ref b)",
        "(mut a, b)",
        "A",
        "A { a }",
        "#[allow(unused)] a",
    ] {
        assert_eq!(flow(&format!("fn f({pattern}: A) {{}}")), Flow::Guard, "{pattern}");
    }
}

/// F7: an implementation does not see its trait's `#[track_caller]`.
#[test]
fn a_method_that_may_observe_its_caller_uses_a_guard() {
    for body in
        ["{ Location::caller() }", "{ if x { self.0.unwrap() } }", "{ debug_assert_eq!(1, x); }", "{ &self.0[1] }"]
    {
        assert_eq!(flow(&format!("fn f(&self, x: u32) -> &u32 {body}")), Flow::Guard, "{body}");
        assert_eq!(flow(&format!("pub fn f(&self, x: u32) -> &u32 {body}")), Flow::Closure, "{body}");
    }
    assert_eq!(flow("fn f(x: u32) -> &u32 { &T[x].unwrap() }"), Flow::Closure);
    assert_eq!(flow("fn f() -> u32 { Location::caller().line() }"), Flow::Guard);
    for body in ["{ x + 1 }", "{ vec![x] }", "{ #[cfg(x)] { [1] } }", "{ f([x]) }"] {
        assert_eq!(flow(&format!("fn f(&self, x: u32) -> u32 {body}")), Flow::Closure, "{body}");
    }
}

/// F12: the compiler reports parameters that cannot be parsed; the function is timed nevertheless.
#[test]
fn an_unfinished_signature_is_no_mistake() {
    assert_eq!(flow("fn f(a: ) -> u32 { 1 }"), Flow::Guard);
    assert_eq!(flow("fn f(a) {}"), Flow::Closure);
    assert_eq!(flow("fn f() -> {}"), Flow::Closure);
    assert_eq!(flow("async fn f(a: ) { a. }"), Flow::Async);
}

/// F12: the compiler reports a pattern only once.
#[test]
fn a_pattern_without_a_type_stays_where_it_is() {
    let text = model(Kind::Stage, TokenStream::new(), tokens("async fn f((a, _), mut b: u32) {}")).expand().to_string();
    let parameters = tokens("((a, _), mut b: u32)").to_string();
    assert!(text.contains(&parameters), "{text}");
}

#[test]
fn a_path_may_be_the_name_of_a_boxed_future() {
    for output in
        ["Self::Future", "Fut<'a>", "Future", "futures::future::LocalBoxFuture<'_, u32>", "Pin<Box<dyn Future>>"]
    {
        assert_eq!(flow(&format!("fn f() -> {output} {{ g() }}")), Flow::Returned, "{output}");
        let with_value = model(Kind::Stage, quote!(value), tokens(&format!("fn f() -> {output} {{ g() }}")));
        assert_eq!(with_value.flow, Flow::Closure, "{output}");
    }
}

#[test]
fn a_future_of_a_hidden_type_is_known_by_its_name() {
    assert_eq!(flow("async fn f() -> impl Future {}"), Flow::Async);
    assert_eq!(flow("fn f() -> impl Send + ::core::future::Future<Output = u32> { g() }"), Flow::Future);
    assert_eq!(flow("fn f() -> (impl Future<Output = u32>) { g() }"), Flow::Future);
    assert_eq!(flow("fn f() -> impl own::Future { g() }"), Flow::Guard);
    assert_eq!(flow("fn f() -> Pin<Box<impl Future>> { g() }"), Flow::BoxedFuture);
}

#[test]
fn the_name_is_the_given_one_or_the_functions_own() {
    let name = |arguments| model(Kind::Stage, tokens(arguments), tokens("fn r#match() {}")).name.text();
    assert_eq!(name(""), "match");
    assert_eq!(name("\"vae.decode\""), "vae.decode");
    assert_eq!(name("crate = renamed, name = r\"a\\b\""), "a\\b");
}

#[test]
fn the_options_reach_the_model() {
    let arguments = tokens("\"f\", flops = g::<A, B>(x), shapes(x, h::<A, B>(y)), crate = crate::runtime");
    let op = model(Kind::Op, arguments, tokens("fn f() {}"));
    assert_eq!(op.description.shapes.len(), 2);
    assert!(op.description.flops.is_some() && op.description.index.is_none());
    assert_eq!(op.krate.to_token_stream().to_string(), "crate :: runtime");
    let step = model(Kind::Step, tokens("index = i + 1"), tokens("fn f() {}"));
    assert!(step.description.index.is_some());
}

#[test]
fn a_fragment_of_a_macro_comes_in_invisible_delimiters() {
    let invisible = |tokens| Group::new(Delimiter::None, tokens);
    let name = invisible(tokens("\"vae\""));
    let body = invisible(tokens("{ 1 }"));
    let item = invisible(quote!(fn f() -> u32 #body));
    let model = model(Kind::Stage, quote!(#name), quote!(#item));
    assert_eq!(model.name.text(), "vae");
    assert_eq!(model.function.body.to_string(), "{ 1 }");
}
