//! F2: a macro's fragments parse in an annotated function as they do in a plain one: an expression
//! keeps its precedence.
//!
//! One macro generates each function twice: with the attribute, and with an attribute that does
//! nothing.

#![forbid(unsafe_code)]
#![deny(warnings)]

use futures::executor::block_on;
use profiler_ui_tests::notebook;

macro_rules! functions {
    ($attribute:meta, $sum:expr, $ty:ty, $bounds:ty, $pat:pat, $stmt:stmt, $block:block, $literal:literal, $path:path,
     $ident:ident, $tt:tt, $lifetime:lifetime, $vis:vis, $meta:meta) => {
        use std::any::Any;
        use std::future::Future;
        use std::pin::Pin;

        #[$attribute]
        $vis fn product(n: u32) -> u32 {
            $sum * n
        }

        #[$attribute]
        pub fn first_product() -> u32 {
            let _ = ();
            $sum * 2
        }

        #[$attribute]
        pub fn with_inner_attribute() -> u32 {
            #![allow(unused_variables)]
            let unused = 1;
            2 * $sum * 2
        }

        #[$attribute]
        pub fn condition(x: bool) -> bool {
            x && $sum == 3 || !x
        }

        #[$attribute]
        pub fn cast() -> u64 {
            2 * $sum as u64
        }

        #[$attribute]
        pub fn length(all: [$ty; $sum * 2]) -> [$ty; $sum * 2] {
            all
        }

        #[$attribute]
        pub fn mutable_length(mut all: [$ty; $sum * 2], (_, last): ($ty, $ty)) -> usize {
            all[0] = last;
            all.len()
        }

        #[$attribute]
        pub fn bounds(any: &$bounds) -> &$bounds {
            any
        }

        #[$attribute]
        pub fn pattern($pat: Option<u32>, $ident: u32) -> u32 {
            $ident + match Some(1) { $pat => 1 }
        }

        #[$attribute]
        pub fn statements() -> $ty {
            $stmt
            let value = $block;
            value + $literal + $path(1) + $tt
        }

        #[$attribute]
        pub fn whole_block() -> u32 $block

        #[$attribute]
        #[$meta]
        pub fn lifetime<$lifetime>(text: &$lifetime str) -> &$lifetime str {
            text
        }

        #[$attribute]
        pub async fn later(mut n: $ty) -> u32 {
            n += 1;
            $sum * n
        }

        #[$attribute]
        pub async fn later_length(all: [$ty; $sum * 2]) -> [$ty; $sum * 2] {
            all
        }

        #[$attribute]
        pub fn opaque() -> impl Future<Output = u32> + Any {
            async { $sum * 2 }
        }

        #[$attribute]
        pub fn opaque_early(early: bool) -> impl Future<Output = u32> {
            if early {
                return std::future::ready($sum * 3);
            }
            std::future::ready($sum * 2)
        }

        #[$attribute]
        pub fn boxed(n: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
            let product = $sum * n;
            Box::pin(async move { product + $sum * 2 })
        }
    };
}

fn one(n: u32) -> u32 {
    n
}

macro_rules! both {
    ($($fragments:tt)*) => {
        mod plain {
            use super::one;
            functions!(inline, $($fragments)*);
        }
        mod timed {
            use super::one;
            functions!(profiler_runtime::profiled_stage, $($fragments)*);
        }
    };
}

both!(1 + 2, u32, dyn Any + Send, _, let _ = 5, { 2 }, 3, one, name, (4 + 5), 'a, pub, must_use);

macro_rules! described {
    ($name:ident, $sum:expr, $title:literal) => {
        #[profiler_runtime::profiled_op($title, shapes(2 * $sum, $sum), flops = $sum * n, crate = notebook)]
        fn $name(n: u64) -> u64 {
            n
        }
    };
}

described!(told, 1 + 2, "told");

macro_rules! same {
    ($($call:ident($($argument:expr),*);)*) => {
        $(assert_eq!(timed::$call($($argument),*), plain::$call($($argument),*), "{}", stringify!($call));)*
    };
}

fn main() {
    same! {
        product(2);
        first_product();
        with_inner_attribute();
        condition(true);
        condition(false);
        cast();
        length([1; 6]);
        mutable_length([1; 6], (1, 2));
        pattern(None, 1);
        statements();
        whole_block();
        lifetime("a");
    }
    assert_eq!(plain::product(2), 6);
    assert!(timed::bounds(&1_u8).is::<u8>() && plain::bounds(&1_u8).is::<u8>());
    assert_eq!(block_on(timed::later(1)), block_on(plain::later(1)));
    assert_eq!(block_on(timed::later_length([1; 6])), block_on(plain::later_length([1; 6])));
    assert_eq!(block_on(timed::opaque()), block_on(plain::opaque()));
    assert_eq!(block_on(timed::opaque_early(true)), block_on(plain::opaque_early(true)));
    assert_eq!(block_on(timed::boxed(2)), block_on(plain::boxed(2)));
    assert_eq!(told(5), 5);
    assert_eq!(notebook::lines()[..3], ["shape 6 of told", "shape 3 of told", "flops 15 of told"]);
}
