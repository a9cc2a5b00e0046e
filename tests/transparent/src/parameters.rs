//! Parameters of every kind, and the order of their drops for each end of the call.

#![allow(clippy::boxed_local, clippy::needless_pass_by_value, reason = "`lints` has them")]

use std::rc::Rc;

use profiler_runtime::{profiled_op, profiled_stage};

use crate::story::{Loud, Pair, both, fail_if, once, pair};

#[profiled_stage]
fn used_in_another_order(a: Loud, b: Loud, c: Loud, fails: bool) -> usize {
    c.touch();
    fail_if(fails);
    a.touch() + b.touch()
}

#[profiled_stage]
fn consumed(a: Loud, b: Loud, c: Loud, fails: bool) {
    drop(b);
    fail_if(fails);
    drop(a);
    c.touch();
}

#[profiled_stage]
fn unused(_a: Loud, _: Loud, b: Loud, _: Loud, _c: Loud, fails: bool) -> usize {
    fail_if(fails);
    b.touch()
}

#[profiled_stage]
fn nothing_used(_: Loud, _a: Loud, _b: Loud) {}

#[profiled_stage]
fn some_borrowed(a: &Loud, b: &mut Loud, c: Loud, d: Loud, fails: bool) -> usize {
    *b = Loud("new b");
    fail_if(fails);
    d.touch() + a.touch() + c.touch()
}

#[profiled_stage]
fn tuple((a, b): (Loud, Loud), c: Loud, fails: bool) -> usize {
    c.touch();
    fail_if(fails);
    b.touch() + a.touch()
}

#[profiled_stage]
fn fields(Pair { second, first }: Pair, c: Loud, fails: bool) -> usize {
    fail_if(fails);
    c.touch() + first.touch() + second.touch()
}

#[profiled_stage]
fn rest_pattern(Pair { first, .. }: Pair, c: Loud, fails: bool) -> usize {
    fail_if(fails);
    c.touch() + first.touch()
}

#[profiled_stage]
fn wildcards((_, b): (Loud, Loud), [_, .., z]: [Loud; 3], c: Loud, fails: bool) -> usize {
    fail_if(fails);
    c.touch() + z.touch() + b.touch()
}

#[profiled_stage]
fn by_reference_pattern(Pair { ref first, .. }: Pair, c: Loud, fails: bool) -> usize {
    fail_if(fails);
    c.touch() + first.touch()
}

#[profiled_stage]
fn bound_whole(ref whole @ Pair { ref second, .. }: Pair, c: Loud, fails: bool) -> usize {
    fail_if(fails);
    c.touch() + second.touch() + whole.first.touch()
}

#[profiled_stage]
fn mutable(mut a: Loud, mut b: Loud, fails: bool) -> usize {
    b = Loud(if b.touch() == 1 { "new b" } else { "b" });
    fail_if(fails);
    a = Loud(if a.touch() == 1 { "new a" } else { "a" });
    a.touch() + b.touch()
}

#[profiled_stage]
fn mutable_in_pattern((mut a, b): (Loud, Loud), mut c: Pair, fails: bool) -> usize {
    c.second = Loud(if c.first.touch() == 1 { "new d" } else { "d" });
    fail_if(fails);
    a = b;
    a.touch()
}

#[profiled_stage]
fn partly_moved(both: Pair, c: Loud, fails: bool) -> usize {
    drop(both.second);
    fail_if(fails);
    c.touch()
}

#[profiled_stage]
fn moved_out_of_box(both: Box<Pair>, c: Loud, fails: bool) -> Loud {
    c.touch();
    fail_if(fails);
    both.second
}

#[profiled_stage]
fn sometimes_moved(a: Loud, b: Loud, moves: bool) -> usize {
    if moves {
        drop(a);
    }
    b.touch()
}

#[profiled_stage]
fn let_underscore(a: Loud, b: Loud, c: Loud, fails: bool) {
    let _ = b;
    let _guard = c;
    let _ = Loud("temporary");
    fail_if(fails);
    a.touch();
}

#[profiled_stage]
fn temporary_in_tail(a: Loud, b: Loud, fails: bool) -> usize {
    let _local = Loud("local");
    fail_if(fails);
    Loud("temporary").touch() + b.touch() + a.touch()
}

#[profiled_stage]
fn returned(a: Loud, b: Loud, first: bool) -> Loud {
    if first {
        return a;
    }
    b
}

#[profiled_stage]
fn generic<T: AsRef<str>, F: FnOnce() -> usize>(text: T, call: F, last: Loud, fails: bool) -> usize {
    fail_if(fails);
    last.touch() + call() + text.as_ref().len()
}

#[profiled_stage]
fn constant_length<const N: usize>(a: [Loud; N], b: Loud, fails: bool) -> usize {
    fail_if(fails);
    b.touch() + a.iter().map(Loud::touch).sum::<usize>()
}

#[profiled_op(flops = a.0.len() + b.0.len())]
fn with_options(a: Loud, b: Loud, _c: Loud, fails: bool) -> usize {
    fail_if(fails);
    b.touch() + a.touch()
}

#[profiled_stage]
fn shared(a: Rc<Loud>, b: Rc<Loud>, fails: bool) -> (usize, usize) {
    fail_if(fails);
    (Rc::strong_count(&b), Rc::strong_count(&a))
}

#[profiled_stage]
fn moved_by_closure(a: Loud, b: Loud, c: Loud, fails: bool) -> usize {
    let inner = move || b.touch();
    fail_if(fails);
    inner() + a.touch() + c.touch()
}

impl Pair {
    #[profiled_stage]
    fn consume(self, b: Loud, fails: bool) -> usize {
        fail_if(fails);
        b.touch() + self.first.touch()
    }

    #[profiled_stage]
    fn ignore(self, b: Loud, fails: bool) {
        fail_if(fails);
        b.touch();
    }

    #[profiled_stage]
    fn split(self, b: Loud, fails: bool) -> Loud {
        b.touch();
        fail_if(fails);
        self.second
    }

    #[profiled_stage]
    fn change(mut self, b: Loud, fails: bool) -> Self {
        self.first = b;
        fail_if(fails);
        self
    }

    #[profiled_stage]
    fn boxed(self: Box<Self>, b: Loud, fails: bool) -> usize {
        fail_if(fails);
        b.touch() + self.second.touch()
    }

    #[profiled_stage]
    fn counted(self: Rc<Self>, b: Loud, fails: bool) -> usize {
        fail_if(fails);
        b.touch() + Rc::strong_count(&self)
    }
}

pub(crate) fn run() {
    let [a, b, c, d, e] = ["a", "b", "c", "d", "e"];
    both("used in another order", |fails| used_in_another_order(Loud(a), Loud(b), Loud(c), fails));
    both("consumed", |fails| consumed(Loud(a), Loud(b), Loud(c), fails));
    both("unused", |fails| unused(Loud(a), Loud(b), Loud(c), Loud(d), Loud(e), fails));
    once("nothing used", || nothing_used(Loud(a), Loud(b), Loud(c)));
    both("some borrowed", |fails| some_borrowed(&Loud(a), &mut Loud(b), Loud(c), Loud(d), fails));
    both("tuple", |fails| tuple((Loud(a), Loud(b)), Loud(c), fails));
    both("fields", |fails| fields(pair(a, b), Loud(c), fails));
    both("rest pattern", |fails| rest_pattern(pair(a, b), Loud(c), fails));
    both("wildcards", |fails| wildcards((Loud(a), Loud(b)), ["x", "y", "z"].map(Loud), Loud(c), fails));
    both("by reference pattern", |fails| by_reference_pattern(pair(a, b), Loud(c), fails));
    both("bound whole", |fails| bound_whole(pair(a, b), Loud(c), fails));
    both("mutable", |fails| mutable(Loud(a), Loud(b), fails));
    both("mutable in pattern", |fails| mutable_in_pattern((Loud(a), Loud(b)), pair(c, d), fails));
    both("partly moved", |fails| partly_moved(pair(a, b), Loud(c), fails));
    both("moved out of box", |fails| moved_out_of_box(Box::new(pair(a, b)), Loud(c), fails));
    both("sometimes moved", |moves| sometimes_moved(Loud(a), Loud(b), moves));
    both("let underscore", |fails| let_underscore(Loud(a), Loud(b), Loud(c), fails));
    both("temporary in tail", |fails| temporary_in_tail(Loud(a), Loud(b), fails));
    both("returned", |first| returned(Loud(a), Loud(b), first));
    let captured = || (Loud("captured"), 1);
    both("generic", |fails| {
        let value = captured();
        generic(String::from(a), move || value.1 + value.0.touch(), Loud(c), fails)
    });
    both("constant length", |fails| constant_length([Loud(a), Loud(b)], Loud(c), fails));
    both("with options", |fails| with_options(Loud(a), Loud(b), Loud(c), fails));
    both("shared", |fails| shared(Rc::new(Loud(a)), Rc::new(Loud(b)), fails));
    both("moved by closure", |fails| moved_by_closure(Loud(a), Loud(b), Loud(c), fails));
    both("consume", |fails| pair(a, b).consume(Loud(c), fails));
    both("ignore", |fails| pair(a, b).ignore(Loud(c), fails));
    both("split", |fails| pair(a, b).split(Loud(c), fails));
    both("change", |fails| pair(a, b).change(Loud(c), fails));
    both("boxed", |fails| Box::new(pair(a, b)).boxed(Loud(c), fails));
    both("counted", |fails| Rc::new(pair(a, b)).counted(Loud(c), fails));
}
