//! `async fn`s: their drops, when they end, panic, or are dropped before or after their first poll.

#![allow(clippy::unused_async, reason = "`lints` has them")]

use std::convert::Infallible;
use std::future::Future;
use std::mem::size_of_val;
use std::pin::Pin;

use profiler_runtime::{profiled_op, profiled_stage, profiled_step};

use crate::story::{Loud, Pair, complete, every_end, fail_if, once, pair, pause};

#[profiled_stage]
async fn used_in_another_order(a: Loud, b: Loud, c: Loud, fails: bool) -> usize {
    c.touch();
    pause().await;
    fail_if(fails);
    a.touch() + b.touch()
}

#[profiled_stage]
async fn consumed(a: Loud, b: Loud, c: Loud, fails: bool) {
    drop(b);
    pause().await;
    fail_if(fails);
    drop(a);
    c.touch();
}

#[profiled_stage]
async fn unused(_a: Loud, _: Loud, b: Loud, _: Loud, _c: Loud, fails: bool) -> usize {
    pause().await;
    fail_if(fails);
    b.touch()
}

#[profiled_stage]
async fn never_pending(a: Loud, _: Loud, b: Loud, fails: bool) -> usize {
    fail_if(fails);
    b.touch() + a.touch()
}

#[profiled_stage]
async fn patterns((a, _): (Loud, Loud), Pair { second, .. }: Pair, c: Loud, fails: bool) -> usize {
    pause().await;
    fail_if(fails);
    c.touch() + second.touch() + a.touch()
}

#[profiled_stage]
async fn by_reference_pattern(Pair { ref first, .. }: Pair, c: Loud, fails: bool) -> usize {
    pause().await;
    fail_if(fails);
    c.touch() + first.touch()
}

#[profiled_stage]
async fn mutable(mut a: Loud, mut b: Pair, fails: bool) -> usize {
    b.first = Loud("new b");
    pause().await;
    fail_if(fails);
    a = b.second;
    a.touch()
}

#[profiled_stage]
async fn partly_moved(both: Pair, c: Loud, fails: bool) -> usize {
    drop(both.second);
    pause().await;
    fail_if(fails);
    c.touch()
}

#[profiled_stage]
async fn guarded(a: Loud, b: Loud, c: Loud, fails: bool) {
    let _ = b;
    let _guard = c;
    let _ = Loud("temporary");
    pause().await;
    fail_if(fails);
    a.touch();
}

#[profiled_stage]
async fn temporary_in_tail(a: Loud, b: Loud, fails: bool) -> usize {
    pause().await;
    fail_if(fails);
    Loud("temporary").touch() + b.touch() + a.touch()
}

#[profiled_op(flops = a.0.len() + b.0.len())]
async fn with_options(a: Loud, b: Loud, _c: Loud, fails: bool) -> usize {
    pause().await;
    fail_if(fails);
    b.touch() + a.touch()
}

#[profiled_stage]
async fn borrowing<'a, T: AsRef<str> + ?Sized>(text: &'a T, out: &mut Vec<usize>, last: Loud, fails: bool) -> &'a str {
    pause().await;
    fail_if(fails);
    out.push(last.touch());
    text.as_ref()
}

#[profiled_step(index = n)]
async fn asking(n: usize, text: &str, _held: Loud) -> Result<usize, Box<dyn std::error::Error>> {
    pause().await;
    let number: usize = text.parse()?;
    if number == 0 {
        return Err("zero".into());
    }
    Ok(n + number)
}

#[profiled_stage]
async fn never(a: Loud, b: Loud, fails: bool) -> ! {
    b.touch();
    loop {
        pause().await;
        fail_if(fails || a.touch() > 0);
    }
}

#[profiled_stage]
fn recursive(n: u32, held: Loud) -> Pin<Box<dyn Future<Output = u32>>> {
    Box::pin(async move {
        if n == 0 {
            return held.touch().try_into().unwrap_or_default();
        }
        recursive(n - 1, held).await + n
    })
}

#[profiled_stage]
async fn recursive_directly(n: u32) -> u32 {
    if n == 0 { 0 } else { n + Box::pin(recursive_directly(n - 1)).await }
}

#[profiled_stage]
async fn large(bytes: [u8; 4096], fails: bool) -> usize {
    pause().await;
    fail_if(fails);
    bytes.len()
}

impl Pair {
    #[profiled_stage]
    async fn later(self, b: Loud, fails: bool) -> usize {
        pause().await;
        fail_if(fails);
        b.touch() + self.first.touch()
    }

    #[profiled_stage]
    async fn ignored_later(self, b: Loud, fails: bool) {
        pause().await;
        fail_if(fails);
        b.touch();
    }

    #[profiled_stage]
    async fn change_later(mut self, b: Loud, fails: bool) -> Self {
        self.first = b;
        pause().await;
        fail_if(fails);
        self
    }

    #[profiled_stage]
    async fn borrowed_later(&mut self, b: Loud, fails: bool) -> &Loud {
        self.second = b;
        pause().await;
        fail_if(fails);
        &self.second
    }
}

/// Prints the sizes of futures. Only these lines may differ between the two programs, and the test
/// bounds them.
fn print_sizes() {
    println!("size of large: {}", size_of_val(&large([0; 4096], false)));
    println!("size of never pending: {}", size_of_val(&never_pending(Loud("a"), Loud("b"), Loud("c"), false)));
    println!("size of patterns: {}", size_of_val(&patterns((Loud("a"), Loud("b")), pair("c", "d"), Loud("e"), false)));
}

pub(crate) fn run() {
    let [a, b, c, d, e] = ["a", "b", "c", "d", "e"];
    every_end("async, used in another order", |fails| used_in_another_order(Loud(a), Loud(b), Loud(c), fails));
    every_end("async, consumed", |fails| consumed(Loud(a), Loud(b), Loud(c), fails));
    every_end("async, unused", |fails| unused(Loud(a), Loud(b), Loud(c), Loud(d), Loud(e), fails));
    every_end("async, never pending", |fails| never_pending(Loud(a), Loud(b), Loud(c), fails));
    every_end("async, patterns", |fails| patterns((Loud(a), Loud(b)), pair(c, d), Loud(e), fails));
    every_end("async, by reference pattern", |fails| by_reference_pattern(pair(a, b), Loud(c), fails));
    every_end("async, mutable", |fails| mutable(Loud(a), pair(b, c), fails));
    every_end("async, partly moved", |fails| partly_moved(pair(a, b), Loud(c), fails));
    every_end("async, guarded", |fails| guarded(Loud(a), Loud(b), Loud(c), fails));
    every_end("async, temporary in tail", |fails| temporary_in_tail(Loud(a), Loud(b), fails));
    every_end("async, with options", |fails| with_options(Loud(a), Loud(b), Loud(c), fails));
    once("async, borrowing", || complete(borrowing("text", &mut vec![], Loud(a), false)).to_owned());
    once("async, borrowing", || complete(borrowing("text", &mut vec![], Loud(a), true)).to_owned());
    for text in ["1", "0", "x"] {
        once("async, asking", || complete(asking(2, text, Loud(a))).map_err(|error| error.to_string()));
    }
    once("async, never", || -> Infallible { complete(never(Loud(a), Loud(b), true)) });
    drop(never(Loud(a), Loud(b), false));
    once("async, recursive", || complete(recursive(3, Loud(a))));
    once("async, recursive directly", || complete(recursive_directly(3)));
    every_end("async, large", |fails| large([1; 4096], fails));
    every_end("later", |fails| pair(a, b).later(Loud(c), fails));
    every_end("ignored later", |fails| pair(a, b).ignored_later(Loud(c), fails));
    every_end("change later", |fails| pair(a, b).change_later(Loud(c), fails));
    once("borrowed later", || complete(pair(a, b).borrowed_later(Loud(c), false)).touch());
    print_sizes();
}
