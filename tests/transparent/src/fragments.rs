//! Annotated functions from `macro_rules!`, with fragments of every kind in body, signature and
//! options.

#![allow(clippy::neg_multiply, clippy::unused_async, trivial_numeric_casts, reason = "`lints` has them")]

use std::future::{Future, ready};
use std::pin::Pin;

use profiler_runtime::{profiled_op, profiled_stage, profiled_step};

use crate::story::{Loud, complete, once};

macro_rules! of_expression {
    ($($name:ident = $e:expr;)*) => {
        $(
            #[profiled_op(flops = $e * 2, shapes([$e * 2; 2]))]
            fn $name(x: bool) -> (i64, bool, u64) {
                let product = $e * 2;
                let minus = 10 - $e;
                (product - minus, x && $e > 1, $e as i64 as u64)
            }
        )*
    };
}

macro_rules! tail_expression {
    ($plain:ident, $later:ident, $opaque:ident, $boxed:ident, $e:expr) => {
        #[profiled_stage]
        fn $plain() -> u32 {
            $e
        }

        #[profiled_step(index = $e * 2)]
        async fn $later() -> u32 {
            ready(()).await;
            $e * 2
        }

        #[profiled_op(flops = $e * 2)]
        fn $opaque() -> impl Future<Output = u32> {
            ready($e * 2)
        }

        #[profiled_op(flops = 2 * $e)]
        fn $boxed() -> Pin<Box<dyn Future<Output = u32>>> {
            Box::pin(async move { 2 * $e })
        }
    };
}

macro_rules! of_type {
    ($name:ident, $later:ident, $opaque:ident, $boxed:ident, $t:ty, $output:ty, $future:ty) => {
        #[profiled_op(flops = <$t>::BITS)]
        fn $name(x: $t) -> $output {
            let y: $t = x + 1;
            Some(y as $t)
        }

        #[profiled_stage]
        async fn $later(x: &[$t]) -> $output {
            x.first().copied()
        }

        #[profiled_stage]
        fn $opaque(x: $t) -> impl Iterator<Item = $t> {
            std::iter::repeat_n(x, 2)
        }

        #[profiled_stage]
        fn $boxed(x: $t) -> $future {
            Box::pin(ready(x))
        }
    };
}

macro_rules! of_pattern {
    ($name:ident, $p:pat, $t:ty => $value:expr) => {
        #[profiled_op(flops = $value)]
        fn $name($p: $t) -> u64 {
            if let $p = (1, 2) { $value } else { 0 }
        }
    };
}

macro_rules! of_statement {
    ($name:ident, $made:ident, $s:stmt) => {
        #[profiled_stage]
        fn $name() -> u32 {
            let mut $made = 1;
            $s;
            $made + 1
        }
    };
}

macro_rules! of_item_statement {
    ($name:ident, $s:stmt) => {
        #[profiled_stage]
        fn $name() -> u32 {
            $s
            made() + 1
        }
    };
}

macro_rules! of_block {
    ($name:ident, $later:ident, $body:block) => {
        #[profiled_stage]
        fn $name() -> u32 $body

        #[profiled_stage]
        async fn $later() -> u32 {
            let value = $body;
            ready(value).await + $body
        }
    };
}

macro_rules! of_literal {
    ($name:ident, $text:literal, $number:literal) => {
        #[profiled_op($text, flops = $number * 2)]
        fn $name() -> (&'static str, i32) {
            ($text, 1 - $number)
        }
    };
}

macro_rules! of_path {
    ($name:ident, $p:path, $maker:path) => {
        #[profiled_op(flops = $maker(3).unwrap_or(0))]
        fn $name(x: $p) -> Option<u32> {
            let $p { first, .. } = x;
            $maker(first)
        }
    };
}

macro_rules! of_tokens {
    ($name:ident, $argument:ident, $($body:tt)*) => {
        #[profiled_step(index = $argument)]
        fn $name($argument: u32) -> u32 {
            $($body)*
        }
    };
}

macro_rules! of_lifetime {
    ($name:ident, $l:lifetime, $label:lifetime) => {
        #[profiled_stage]
        fn $name<$l>(items: &$l [&$l str]) -> &$l str {
            $label: loop {
                for item in items {
                    if item.len() > 1 {
                        break $label item;
                    }
                }
                break "none";
            }
        }
    };
}

macro_rules! of_visibility {
    ($v:vis $name:ident, #[$m:meta] $i:item) => {
        #[profiled_stage]
        #[$m]
        $v fn $name() -> u32 {
            $i
            INNER + 1
        }
    };
}

macro_rules! of_item {
    ($($i:item)*) => {
        $(
            #[profiled_stage]
            $i
        )*
    };
}

macro_rules! of_signature {
    ($name:ident<$($g:ident: $b:path),*>($($a:ident: $t:ty),*) -> $r:ty $body:block) => {
        #[profiled_stage]
        fn $name<$($g: $b),*>($($a: $t),*) -> $r $body
    };
}

macro_rules! of_self {
    ($name:ident, $this:ident, $e:expr) => {
        #[profiled_op(flops = $e)]
        fn $name(&$this) -> u32 {
            $e * 2
        }
    };
}

macro_rules! with_locals {
    ($name:ident, $outer:ident, $e:expr) => {
        #[profiled_op(flops = $outer)]
        fn $name($outer: u32) -> u32 {
            let x = 10;
            let found = $e;
            x + found
        }
    };
}

macro_rules! drops_in_order {
    ($name:ident, $($p:ident),*; $first:expr) => {
        #[profiled_stage]
        fn $name($($p: Loud),*) -> usize {
            $first.touch() $(+ $p.touch())*
        }
    };
}

macro_rules! of_options {
    ($name:ident, $m:meta, $i:ident, $t:ty, $p:pat, $b:block, $l:literal, $krate:path; $($rest:tt)*) => {
        mod $name {
            use profiler_runtime::{profiled_op, profiled_stage, profiled_step};

            #[profiled_op($m)]
            pub(super) fn of_meta($i: $t) -> $t {
                $i
            }

            #[profiled_step($l, index = $i as $t)]
            pub(super) fn of_ident($i: $t) -> $t {
                $i
            }

            #[profiled_op(flops = match $i { $p => $b, _ => $l.len() })]
            pub(super) fn of_block($i: $t) -> $t {
                $i
            }

            #[profiled_stage(crate = $krate)]
            pub(super) fn of_path($i: $t) -> $t {
                $i
            }

            #[profiled_op($($rest)*)]
            pub(super) fn of_rest($i: $t) -> $t {
                $i
            }
        }
    };
}

#[derive(Debug)]
struct Numbers {
    first: u32,
    second: u32,
}

impl Numbers {
    of_self!(twice, self, self.first + self.second);
}

fn some(n: u32) -> Option<u32> {
    Some(n)
}

of_expression! {
    sum = 1 + 2;
    difference = 5 - 3 - 1;
    shifted = 1 << 2;
    negative = -1_i64;
    chosen = if 2 > 1 { 3 } else { 4 };
    ranged = (1..3).len() as i64;
}
tail_expression!(tail, tail_later, tail_opaque, tail_boxed, 1 + 2);
of_type!(typed, typed_later, typed_opaque, typed_boxed, u32, Option<u32>, Pin<Box<dyn Future<Output = u32> + Send>>);
of_pattern!(tuple_pattern, (a, _b), (u64, u64) => a + 1);
of_pattern!(or_pattern, ((1 | 2, b) | (b, _)), (u64, u64) => b + 1);
of_statement!(statement, made, made += 1 + 1);
of_item_statement!(
    item_statement,
    fn made() -> u32 {
        5
    }
);
of_block!(block, block_later, {
    let n = 2;
    n + 1
});
of_literal!(literal, "lit", -3);
of_path!(path, Numbers, some);
of_path!(long_path, crate::fragments::Numbers, Option::Some);
of_tokens!(tokens, n, let m = n + 1; if m > 1 { return m * 2 } m);
of_lifetime!(lifetime, 'a, 'found);
of_visibility!(pub(crate) visible, #[inline] const INNER: u32 = 6;);
of_visibility!(
    hidden,
    #[must_use]
    static INNER: u32 = 7;
);
of_item! {
    /// Whole functions.
    #[inline]
    fn item(n: u32) -> u32 {
        n + 1
    }
    async fn item_later(a: Loud, b: Loud) -> usize {
        b.touch() + a.touch()
    }
    fn item_opaque(n: u32) -> impl Iterator<Item = u32> {
        0..n
    }
    fn item_never() -> ! {
        panic!("never")
    }
}
of_signature!(signature<T: Into<u64>, U: Clone>(a: T, b: &[U]) -> (u64, Vec<U>) { (a.into(), b.to_vec()) });
of_options!(options, flops = 1, n, u32, 1 | 2, { 3 }, "named", ::profiler_runtime; "rest", flops = n * 2, shapes([n; 2]));
with_locals!(locals, x, x + 1);
drops_in_order!(dropped, a, b, c; b);

pub(crate) fn run() {
    once("sum", || sum(true));
    once("difference", || difference(true));
    once("shifted", || shifted(true));
    once("negative", || negative(true));
    once("chosen", || chosen(true));
    once("ranged", || ranged(true));
    once("tail", || (tail(), complete(tail_later()), complete(tail_opaque()), complete(tail_boxed())));
    once("typed", || (typed(1), complete(typed_later(&[2])), typed_opaque(3).count(), complete(typed_boxed(4))));
    once("patterns", || (tuple_pattern((1, 2)), or_pattern((1, 5)), or_pattern((9, 5))));
    once("statements", || (statement(), item_statement()));
    once("block", || (block(), complete(block_later())));
    once("literal", literal);
    once("path", || (path(Numbers { first: 1, second: 2 }), long_path(Numbers { first: 3, second: 4 })));
    once("tokens", || (tokens(0), tokens(3)));
    once("lifetime", || (lifetime(&["a", "bc"]), lifetime(&[])));
    once("visible", || (visible(), hidden()));
    once("item", || (item(1), complete(item_later(Loud("a"), Loud("b"))), item_opaque(2).count()));
    once("item never", || -> u32 { item_never() });
    once("signature", || signature(1_u32, &["a"]));
    once("twice", || Numbers { first: 1, second: 2 }.twice());
    once("options", || {
        use options::{of_block, of_ident, of_meta, of_path, of_rest};
        (of_meta(1), of_ident(2), of_block(3), of_path(4), of_rest(5))
    });
    once("locals", || locals(1));
    once("dropped", || dropped(Loud("a"), Loud("b"), Loud("c")));
}
