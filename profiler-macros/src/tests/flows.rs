//! Which functions are timed how, told from their signatures, and what else the model holds.

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
    assert_eq!(flow("fn f() -> Future { Future }"), Flow::Closure);
    assert_eq!(flow("fn f() -> Box<dyn Fn() -> BoxFuture<'static, u32>> { g() }"), Flow::Closure);
    assert_eq!(flow("fn f() -> Box<dyn Future<Output = ()>> { g() }"), Flow::Closure);
}

#[test]
fn a_guard_stands_where_a_closure_would_change_the_body() {
    assert_eq!(flow("fn f() -> ! { loop {} }"), Flow::Guard);
    assert_eq!(flow("fn f() -> Option<impl Fn(&str)> { None }"), Flow::Guard);
    assert_eq!(flow("#[cfg_attr(debug_assertions, track_caller)] fn f() {}"), Flow::Guard);
    assert_eq!(flow("#[target_feature(enable = \"avx2\")] fn f() {}"), Flow::Guard);
    assert_eq!(flow("unsafe extern \"C\" fn f(n: u32, ...) {}"), Flow::Guard);
}

#[test]
fn futures_are_known_by_every_name() {
    assert_eq!(flow("async fn f() -> impl Future {}"), Flow::Async);
    assert_eq!(flow("fn f() -> impl Send + ::core::future::Future<Output = u32> { g() }"), Flow::Future);
    assert_eq!(flow("fn f() -> (impl Future<Output = u32>) { g() }"), Flow::Future);
    assert_eq!(flow("fn f() -> futures::future::LocalBoxFuture<'_, u32> { g() }"), Flow::BoxedFuture);
    assert_eq!(flow("fn f() -> Pin<Box<dyn Future<Output = u32> + Send>> { g() }"), Flow::BoxedFuture);
    assert_eq!(flow("fn f() -> std::pin::Pin<std::boxed::Box<(dyn Future + 'a)>> { g() }"), Flow::BoxedFuture);
    assert_eq!(flow("fn f() -> Pin<Box<impl Future>> { g() }"), Flow::BoxedFuture);
}

#[test]
fn the_name_is_the_given_one_or_the_functions_own() {
    let name = |arguments| model(Kind::Stage, tokens(arguments), tokens("fn r#match() {}")).name.value();
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
    assert_eq!(model.name.value(), "vae");
    assert_eq!(model.function.body.to_string(), "{ 1 }");
}
