//! F5: the type, not its name, decides whether a function returns a future. F8: the attribute adds
//! no lifetime bound.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::future::{Future, ready};
use std::pin::Pin;

use futures::executor::block_on;
use profiler_runtime::{profiled_op, profiled_stage};
use profiler_ui_tests::notebook;

/// Types of the user that have the names of the standard library's.
mod own {
    pub struct BoxFuture(pub u32);

    pub trait Future {
        fn number(&self) -> u32;
    }

    impl Future for u32 {
        fn number(&self) -> u32 {
            *self
        }
    }
}

type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
type Local<T> = Pin<Box<dyn Future<Output = T>>>;

#[profiled_stage("own type", crate = notebook)]
fn own_type(n: u32) -> own::BoxFuture {
    own::BoxFuture(n)
}

#[profiled_stage("own trait", crate = notebook)]
fn own_trait(n: u32) -> impl own::Future {
    n
}

#[profiled_stage("alias", crate = notebook)]
fn alias(n: &u32) -> Later<'_, u32> {
    let one = 1;
    Box::pin(async move { n + one })
}

#[profiled_op("early", shapes(n), crate = notebook)]
fn early(n: &u32) -> Later<'_, u32> {
    if *n == 0 {
        return Box::pin(ready(0));
    }
    alias(n)
}

#[profiled_stage("said", value, crate = notebook)]
fn said(n: u32) -> Local<u32> {
    Box::pin(ready(n))
}

#[profiled_stage("said", value, crate = notebook)]
fn said_of_a_hidden_type(n: u32) -> impl Future<Output = u32> {
    ready(n)
}

trait Service {
    type Answer;
    type Future;
    fn call(&self, n: u32) -> Self::Future;
    fn call_if(&self, n: Option<u32>) -> Self::Future;
}

struct Boxed<F>(F);

impl<T: 'static, F: Fn(u32) -> T + Clone + 'static> Service for Boxed<F> {
    type Answer = T;
    type Future = Local<T>;

    #[profiled_stage("service", crate = notebook)]
    fn call(&self, n: u32) -> Self::Future {
        let make = self.0.clone();
        Box::pin(async move { make(n) })
    }

    #[profiled_stage("service", crate = notebook)]
    fn call_if(&self, n: Option<u32>) -> Self::Future {
        self.call(n.unwrap())
    }
}

/// The trait does not require that an answer outlives the future that returns it.
struct Client<'a, T>(&'a dyn Fn() -> Later<'static, T>);

impl<T> Client<'_, T> {
    #[profiled_stage]
    fn call(&self) -> Later<'static, T> {
        (self.0)()
    }

    #[profiled_stage]
    fn call_named(&self) -> Pin<Box<dyn Future<Output = T> + Send>> {
        self.call()
    }
}

fn main() {
    const LIFE: [&str; 2] = ["first poll of Stage alias", "alias is ready"];
    assert_eq!(own_type(1).0, 1);
    assert_eq!(notebook::lines(), ["begin Stage own type", "end own type"]);
    assert_eq!(own::Future::number(&own_trait(2)), 2);
    assert_eq!(notebook::lines(), ["begin Stage own trait", "end own trait"]);

    let future = alias(&1);
    assert!(notebook::lines().is_empty());
    assert_eq!(block_on(future), 2);
    assert_eq!(notebook::lines(), LIFE);

    let (zero, one) = (early(&0), early(&1));
    assert_eq!(notebook::lines(), ["shape 0 of early", "shape 1 of early"]);
    assert_eq!(block_on(zero), 0);
    assert_eq!(notebook::lines(), ["first poll of Op early", "early is ready"]);
    assert_eq!(block_on(one), 2);
    assert_eq!(notebook::lines(), ["first poll of Op early", LIFE[0], LIFE[1], "early is ready"]);

    let futures: [Local<u32>; 2] = [said(1), Box::pin(said_of_a_hidden_type(1))];
    assert_eq!(notebook::lines(), ["begin Stage said", "end said"].repeat(2), "the calls");
    assert_eq!(futures.map(block_on), [1, 1]);
    assert!(notebook::lines().is_empty());

    let service = Boxed(|n: u32| n + 1);
    assert_eq!(block_on(service.call_if(Some(1))), 2);
    let twice = ["first poll of Stage service", "first poll of Stage service", "service is ready", "service is ready"];
    assert_eq!(notebook::lines(), twice);
    let client = Client(&|| Box::pin(ready(1)));
    assert_eq!(block_on(client.call()) + block_on(client.call_named()), 2);
    let _: Option<<Boxed<fn(u32) -> u32> as Service>::Answer> = Some(1);
}
