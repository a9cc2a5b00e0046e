//! Functions that cause lints of rustc and clippy, about bodies, signatures and calls.

use std::collections::HashMap;
use std::fmt::Debug;
use std::future::ready;

use profiler_runtime::{profiled_op, profiled_stage};

use crate::story::{complete, once};

#[profiled_stage]
fn unused_variables(argument: u32, (a, b): (u32, u32)) -> u32 {
    let variable = 1;
    a
}

#[profiled_stage]
fn unused_mut(mut argument: u32, text: &mut String) -> u32 {
    let mut variable = argument;
    variable
}

#[profiled_stage]
fn unused_assignments(mut n: u32) -> u32 {
    let mut m = 0;
    m = 1;
    n = m;
    n = 2;
    return n;
}

#[profiled_stage]
fn never_read(mut n: u32) {
    n += 1;
}

#[profiled_stage]
#[allow(clippy::only_used_in_recursion, reason = "one lint of the two")]
fn unconditional_recursion(n: u32) -> u32 {
    unconditional_recursion(n + 1)
}

#[profiled_stage]
fn unreachable_code() -> u32 {
    return 1;
    2
}

#[profiled_stage]
async fn unreachable_later() -> u32 {
    ready(()).await;
    return 1;
    println!("not printed");
}

#[profiled_stage]
fn unused_results() {
    important();
    ready(1);
    Err::<(), u32>(1);
    1 + 1;
}

#[must_use]
#[profiled_stage]
fn important() -> u32 {
    1
}

#[profiled_stage]
fn unused_parens_and_braces(n: u32) -> u32 {
    if (n > 1) { ({ n }) } else { (n + 1) }
}

#[profiled_stage]
fn dead() -> u32 {
    1
}

#[profiled_stage]
async fn dead_later() -> u32 {
    1
}

#[profiled_stage]
fn needless_return(n: u32) -> u32 {
    if n > 1 {
        return 1;
    }
    return n;
}

#[profiled_stage]
async fn needless_return_later(n: u32) -> u32 {
    ready(()).await;
    return n;
}

#[profiled_stage]
async fn unused_async(n: u32) -> u32 {
    n
}

#[profiled_stage]
fn needless_pass_by_value(text: String, items: Vec<u32>) -> usize {
    text.len() + items.len()
}

#[profiled_stage]
fn boxed_local(items: Box<[u32; 4]>) -> u32 {
    items[0]
}

#[profiled_stage]
fn let_and_return(n: u32) -> u32 {
    let m = n + 1;
    m
}

#[profiled_stage]
fn unnecessary_wraps(n: u32) -> Option<u32> {
    Some(n)
}

#[profiled_stage]
fn large_stack(n: usize) -> usize {
    let bytes = [1_u8; 20_000];
    bytes.iter().map(|byte| usize::from(*byte)).sum::<usize>() + n
}

#[profiled_stage]
fn too_many(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: bool, i: bool, j: bool, k: bool) -> u32 {
    [a, b, c, d, e, f, g].into_iter().map(u32::from).sum::<u32>() + u32::from(h & i & j & k)
}

#[profiled_stage]
fn pointers(text: &String, items: &Vec<u32>, out: &mut Vec<u32>, small: &u8, boxed: &Box<u32>) -> usize {
    text.len() + items.len() + out.len() + usize::from(*small) + **boxed as usize
}

#[profiled_stage]
fn needless_lifetimes<'a>(text: &'a str) -> &'a str {
    text
}

#[profiled_stage]
fn unused_lifetimes<'a, T>(n: u32) -> u32 {
    n
}

#[profiled_stage]
fn question_mark(n: Option<u32>) -> Option<u32> {
    let Some(n) = n else {
        return None;
    };
    if n.checked_add(1).is_none() {
        return None;
    }
    Some(n)
}

#[profiled_stage]
fn useless_casts(n: u32) -> u64 {
    let same = n as u32;
    same.clone() as u64
}

#[profiled_stage]
fn unwraps(n: Option<u32>) -> u32 {
    n.unwrap()
}

#[profiled_stage]
fn no_semicolon(items: &mut Vec<u32>) {
    items.push(1)
}

#[profiled_stage]
fn items_after_statements(n: u32) -> u32 {
    let m = n + 1;
    const ONE: u32 = 1;
    m + ONE
}

#[profiled_stage]
fn used_underscore(_n: u32) -> u32 {
    let _m = 1;
    _n + _m
}

#[profiled_stage]
fn manual_loops(items: &[u32]) -> u32 {
    let mut sum = 0;
    for i in 0..items.len() {
        sum += items[i];
    }
    sum
}

#[profiled_stage]
fn cognitive(n: u32) -> u32 {
    let mut sum = 0;
    for i in 0..n {
        if i % 2 == 0 && i > 3 || i == 1 {
            for j in 0..i {
                if j % 3 == 0 {
                    match j {
                        0 => sum += 1,
                        1 if n > 2 => sum += 2,
                        2 | 3 => {
                            if sum > 4 {
                                continue;
                            } else if sum > 7 {
                                break;
                            }
                        }
                        _ => sum += j,
                    }
                } else if j > 4 || n > 7 && j < 9 {
                    while sum > 100 {
                        if sum % 2 == 0 {
                            sum /= 2;
                        } else {
                            sum -= 1;
                        }
                    }
                }
            }
        }
    }
    sum
}

#[profiled_stage]
fn redundant(text: &str) -> String {
    let owned = text.to_string();
    owned.clone()
}

#[profiled_stage]
fn redundant_closure(items: &[u32]) -> Vec<String> {
    items.iter().map(|n| shown(n)).collect()
}

#[profiled_stage]
fn shown(n: &u32) -> String {
    format!("{}", n)
}

#[profiled_stage]
fn manual_async() -> impl std::future::Future<Output = u32> {
    async { 1 }
}

#[profiled_stage]
fn unused_unit() -> () {
    ()
}

#[profiled_stage]
fn bool_comparison(yes: bool) -> bool {
    if yes == true { true } else { false }
}

#[profiled_stage]
fn hash_map(map: HashMap<String, u32>) -> bool {
    map.get("a").is_some()
}

#[profiled_stage]
fn option_of_reference(text: &Option<String>) -> usize {
    text.as_ref().map(|text| text.len()).unwrap_or(0)
}

#[profiled_stage]
fn elided(text: &str) -> Held {
    Held(text)
}

#[derive(Clone, Copy, Debug)]
struct Held<'a>(&'a str);

impl Held<'_> {
    #[profiled_stage]
    fn unused_self(&self) -> u32 {
        1
    }

    #[profiled_stage]
    fn to_owned(self) -> String {
        self.0.to_owned()
    }

    #[profiled_stage]
    fn into_inner(&self) -> &str {
        self.0
    }

    #[profiled_stage]
    fn trivially_copied(&self, n: &u8) -> u8 {
        let n = n;
        *n
    }

    #[profiled_stage]
    async fn unused_async_self(&self) -> usize {
        self.0.len()
    }
}

#[profiled_op(flops = n as u32)]
fn options_have_lints(n: u32) -> u32 {
    n + 1
}

#[profiled_stage]
fn single_use<'a, T: Debug>(item: &'a T) -> String {
    format!("{item:?}")
}

#[profiled_stage]
fn missing_const(n: u32) -> u32 {
    n + 1
}

#[profiled_stage]
fn macro_in_tail(n: u32) -> String {
    return format!("{n}");
}

#[profiled_stage]
fn shadow(n: u32) -> u32 {
    let n = n * 2;
    let n = Some(n).map_or(0, |n| n + 1);
    n
}

#[profiled_stage]
fn while_let(items: &mut Vec<u32>) -> u32 {
    let mut sum = 0;
    loop {
        let item = match items.pop() {
            Some(item) => item,
            None => break,
        };
        sum += item;
    }
    sum
}

#[profiled_stage]
unsafe fn unsafe_in_unsafe(n: *const u32) -> u32 {
    *n
}

#[profiled_stage]
fn unused_unsafe(n: u32) -> u32 {
    unsafe { n }
}

#[profiled_stage]
fn NotSnakeCase(NotSnakeCase: u32) -> u32 {
    NotSnakeCase
}

pub(crate) fn run() {
    once("unused variables", || unused_variables(1, (2, 3)));
    once("unused mut", || unused_mut(1, &mut String::new()));
    once("unused assignments", || unused_assignments(1));
    once("never read", || never_read(1));
    once("unconditional recursion", || unconditional_recursion as fn(u32) -> u32 == unconditional_recursion);
    once("unreachable", || (unreachable_code(), complete(unreachable_later())));
    once("unused results", unused_results);
    once("parens", || unused_parens_and_braces(1));
    once("needless return", || (needless_return(1), complete(needless_return_later(1)), complete(unused_async(1))));
    once("by value", || needless_pass_by_value(String::new(), vec![1]) + boxed_local(Box::new([1; 4])) as usize);
    once("wraps", || (let_and_return(1), unnecessary_wraps(1)));
    once("large", || (large_stack(1), too_many(1, 1, 1, 1, 1, 1, 1, true, true, true, true)));
    once("pointers", || pointers(&String::new(), &vec![1], &mut vec![2], &1, &Box::new(1)));
    once("lifetimes", || (needless_lifetimes("a"), unused_lifetimes::<u8>(1), single_use(&1)));
    once("question mark", || (question_mark(None), useless_casts(1), unwraps(Some(1))));
    once("no semicolon", || no_semicolon(&mut vec![1]));
    once("items", || (items_after_statements(1), used_underscore(1), manual_loops(&[1, 2]), cognitive(9)));
    once("redundant", || (redundant("a"), redundant_closure(&[1]), complete(manual_async())));
    once("unit", || (unused_unit(), bool_comparison(true), hash_map(HashMap::new())));
    once("option", || option_of_reference(&None));
    let held = elided("text");
    once("held", || (held.unused_self(), held.to_owned(), held.into_inner(), held.trivially_copied(&1)));
    once("held later", || complete(held.unused_async_self()));
    once("options", || (options_have_lints(1), missing_const(1), macro_in_tail(1), shadow(1)));
    once("while let", || while_let(&mut vec![1, 2]));
    once("unsafe", || (unsafe { unsafe_in_unsafe(&raw const ONE) }, unused_unsafe(1), NotSnakeCase(1)));
}

static ONE: u32 = 1;
