//! F1: an annotated function drops its parameters in the order of the plain function, and after the
//! same values.
//!
//! Each function exists twice: with the attribute, and with an attribute that does nothing.

#![forbid(unsafe_code)]
#![deny(warnings)]
#![allow(clippy::toplevel_ref_arg, reason = "a parameter by reference stays behind")]

use std::cell::RefCell;
use std::future::Future;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::pin::pin;
use std::task::{Context, Waker};

thread_local! {
    static DROPPED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

pub struct Loud(&'static str);

impl Drop for Loud {
    fn drop(&mut self) {
        DROPPED.with_borrow_mut(|dropped| dropped.push(self.0));
    }
}

impl Loud {
    fn borrow(&self) -> Loan<'_> {
        Loan(self)
    }

    fn touch(&self) {}
}

/// A temporary of a function's last expression.
pub struct Loan<'a>(&'a Loud);

impl Loan<'_> {
    fn get(&self) -> u32 {
        1
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        self.0.touch();
        DROPPED.with_borrow_mut(|dropped| dropped.push("loan"));
    }
}

pub enum After {
    Return,
    Panic,
    /// A future is dropped after this many polls.
    Polls(u32),
}

impl After {
    fn check(&self) {
        if let Self::Panic = self {
            resume_unwind(Box::new(()));
        }
    }
}

async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut paused, true) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

macro_rules! functions {
    ($attribute:meta) => {
        use super::{pause, After, Loud};
        use std::future::Future;
        use std::pin::Pin;

        pub struct Pair {
            first: Loud,
            second: Loud,
        }

        pub fn pair() -> Pair {
            Pair { first: Loud("first"), second: Loud("second") }
        }

        #[$attribute]
        pub fn used_backwards(a: Loud, b: Loud, c: Loud, after: &After) -> u32 {
            let _local = Loud("local");
            c.touch();
            after.check();
            a.touch();
            b.touch();
            1
        }

        #[$attribute]
        pub fn unused(_a: Loud, b: Loud, _c: Loud, after: &After) -> u32 {
            after.check();
            b.touch();
            2
        }

        #[$attribute]
        pub fn moved_out(a: Loud, b: Loud, c: Loud, after: &After) -> u32 {
            drop(b);
            after.check();
            c.touch();
            a.touch();
            3
        }

        #[$attribute]
        pub fn left_behind((a, _): (Loud, Loud), _: Loud, (.., d): (Loud, Loud), after: &After) -> u32 {
            d.touch();
            after.check();
            a.touch();
            4
        }

        #[$attribute]
        pub fn by_reference((a, ref b): (Loud, Loud), ref c: Loud, d: Loud, after: &After) -> u32 {
            d.touch();
            c.touch();
            after.check();
            b.touch();
            a.touch();
            5
        }

        #[$attribute]
        pub fn all_bound(Pair { first, second }: Pair, (a, b): (Loud, Loud), after: &After) -> u32 {
            b.touch();
            after.check();
            a.touch();
            second.touch();
            first.touch();
            6
        }

        #[$attribute]
        pub fn partly_moved(pair: Pair, mut other: Pair, last: Loud, after: &After) -> Loud {
            last.touch();
            after.check();
            other.first = Loud("new");
            drop(other.first);
            pair.second
        }

        #[$attribute]
        pub fn last_expression(a: Loud, after: &After) -> u32 {
            let local = Loud("local");
            local.touch();
            after.check();
            a.borrow().get()
        }

        #[$attribute]
        pub fn early(a: Loud, b: Loud, after: &After) -> u32 {
            if let After::Return = after {
                return b.borrow().get();
            }
            after.check();
            a.borrow().get()
        }

        impl Pair {
            #[$attribute]
            pub fn consumed(self, b: Loud, after: &After) -> u32 {
                b.touch();
                after.check();
                self.second.touch();
                7
            }

            #[$attribute]
            pub fn partly_consumed(self, b: Loud, after: &After) -> Loud {
                b.touch();
                after.check();
                self.second
            }

            #[$attribute]
            pub fn ignored(self, _b: Loud, after: &After) -> u32 {
                after.check();
                8
            }

            #[$attribute]
            pub async fn awaited(self, b: Loud, after: &After) -> u32 {
                pause().await;
                after.check();
                b.touch();
                self.second.touch();
                9
            }
        }

        #[$attribute]
        pub async fn later(a: Loud, b: Loud, _c: Loud, after: &After) -> u32 {
            let _local = Loud("local");
            pause().await;
            b.touch();
            after.check();
            a.touch();
            10
        }

        #[$attribute]
        pub async fn later_left_behind(
            (a, _): (Loud, Loud),
            _: Loud,
            mut d: Loud,
            (ref e, f): (Loud, Loud),
            after: &After,
        ) {
            f.touch();
            pause().await;
            d.touch();
            d = Loud("new");
            d.touch();
            after.check();
            e.touch();
            a.touch();
        }

        #[$attribute]
        pub async fn later_last_expression(a: Loud, b: Loud, after: &After) -> u32 {
            b.touch();
            pause().await;
            after.check();
            a.borrow().get()
        }

        #[$attribute]
        pub fn opaque(a: Loud, b: Loud, after: &After) -> impl Future<Output = u32> + '_ {
            b.touch();
            async move {
                pause().await;
                after.check();
                a.touch();
                11
            }
        }

        #[$attribute]
        pub fn boxed(a: Loud, b: Loud, after: &After) -> Pin<Box<dyn Future<Output = u32> + '_>> {
            b.touch();
            Box::pin(async move {
                pause().await;
                after.check();
                a.touch();
                12
            })
        }

        #[$attribute]
        pub fn boxed_before(a: Loud, b: Loud, after: &After) -> Pin<Box<dyn Future<Output = u32> + '_>> {
            if let After::Polls(0) = after {
                return Box::pin(std::future::ready(1));
            }
            b.touch();
            boxed(a, b, after)
        }
    };
}

mod plain {
    functions!(inline);
}

mod timed {
    functions!(profiler_runtime::profiled_stage);
}

fn dropped(call: impl FnOnce()) -> Vec<&'static str> {
    let unwound = catch_unwind(AssertUnwindSafe(call)).is_err();
    let mut dropped = DROPPED.take();
    dropped.push(if unwound { "unwound" } else { "returned" });
    dropped
}

fn polled<F: Future>(after: &After, future: F) {
    let mut future = pin!(future);
    let limit = if let After::Polls(polls) = after { *polls } else { u32::MAX };
    for _ in 0..limit {
        if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
    }
}

fn two() -> (Loud, Loud) {
    (Loud("0"), Loud("1"))
}

macro_rules! same {
    ($($name:ident $(:: $method:ident)?($($argument:expr),*);)*) => {
        for after in [After::Return, After::Panic] {
            $(
                let plain = dropped(|| {
                    use plain::*;
                    let _ = $name$(::$method)?($($argument,)* &after);
                });
                let timed = dropped(|| {
                    use timed::*;
                    let _ = $name$(::$method)?($($argument,)* &after);
                });
                assert_eq!(timed, plain, "{}", stringify!($name));
                assert!(plain.len() > 1);
            )*
        }
    };
}

macro_rules! same_later {
    ($($name:ident $(:: $method:ident)?($($argument:expr),*);)*) => {
        for after in [After::Return, After::Panic, After::Polls(0), After::Polls(1)] {
            $(
                let plain = dropped(|| {
                    use plain::*;
                    polled(&after, $name$(::$method)?($($argument,)* &after));
                });
                let timed = dropped(|| {
                    use timed::*;
                    polled(&after, $name$(::$method)?($($argument,)* &after));
                });
                assert_eq!(timed, plain, "{}", stringify!($name));
                assert!(plain.len() > 1);
            )*
        }
    };
}

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    same! {
        used_backwards(Loud("a"), Loud("b"), Loud("c"));
        unused(Loud("a"), Loud("b"), Loud("c"));
        moved_out(Loud("a"), Loud("b"), Loud("c"));
        left_behind(two(), Loud("_"), two());
        by_reference(two(), Loud("c"), Loud("d"));
        all_bound(pair(), two());
        partly_moved(pair(), pair(), Loud("last"));
        last_expression(Loud("a"));
        early(Loud("a"), Loud("b"));
        Pair::consumed(pair(), Loud("b"));
        Pair::partly_consumed(pair(), Loud("b"));
        Pair::ignored(pair(), Loud("b"));
    }
    same_later! {
        Pair::awaited(pair(), Loud("b"));
        later(Loud("a"), Loud("b"), Loud("c"));
        later_left_behind(two(), Loud("_"), Loud("d"), two());
        later_last_expression(Loud("a"), Loud("b"));
        opaque(Loud("a"), Loud("b"));
        boxed(Loud("a"), Loud("b"));
        boxed_before(Loud("a"), Loud("b"));
    }
}
