//! Bodies: early returns, labels, borrows, recursion, inner items.

#![allow(clippy::let_and_return, reason = "`lints` has them")]

use std::any::type_name_of_val;
use std::cell::RefCell;
use std::num::ParseIntError;
use std::sync::{Mutex, MutexGuard, PoisonError};

use profiler_runtime::{profiled_op, profiled_stage, profiled_step};

use crate::story::{Loud, once};

#[profiled_stage]
fn asks(text: &str) -> Result<u32, ParseIntError> {
    let number: u32 = text.parse()?;
    Ok(number + 1)
}

#[profiled_stage]
fn asks_for_any_error(text: &str) -> Result<u32, Box<dyn std::error::Error>> {
    if text.is_empty() {
        return Err("empty".into());
    }
    Ok(text.parse()?)
}

#[profiled_stage]
fn asks_an_option(items: &[u32]) -> Option<&u32> {
    let first = items.first()?;
    items.get(usize::try_from(*first).ok()?)
}

#[profiled_step(index = limit)]
fn breaks_labels(limit: u32) -> u32 {
    let mut sum = 0;
    'rows: for row in 0..limit {
        for column in 0..limit {
            if column > row {
                continue 'rows;
            }
            if sum > 20 {
                break 'rows;
            }
            sum += row * column;
        }
    }
    let half = 'half: {
        if sum % 2 == 1 {
            break 'half 0;
        }
        sum / 2
    };
    loop {
        sum += 1;
        if sum > half {
            break sum;
        }
    }
}

#[profiled_stage]
fn let_else(text: &str) -> u32 {
    let Ok(number) = text.parse() else {
        return 0;
    };
    number
}

#[profiled_stage]
fn never(text: &str) -> ! {
    let _held = Loud("held");
    panic!("{text}")
}

#[profiled_stage]
fn never_in_disguise(n: u32) -> u32 {
    assert!(n > 0);
    never("never comes back")
}

#[profiled_stage]
fn matches_never(n: Option<u32>) -> u32 {
    match n {
        Some(n) => n,
        None => unreachable!(),
    }
}

#[profiled_op("linear", shapes(x, weight), flops = 2 * x.len() * weight.len())]
fn described(x: &[f32], weight: &[f32]) -> f32 {
    x.iter().zip(weight).map(|(x, w)| x * w).sum()
}

#[profiled_stage]
fn factorial(n: u64) -> u64 {
    if n == 0 { 1 } else { n * factorial(n - 1) }
}

#[profiled_stage]
fn longest<'a>(a: &'a str, b: &'a str) -> &'a str {
    if a.len() > b.len() { a } else { b }
}

#[profiled_stage]
fn entry<'a, T: Default>(items: &'a mut Vec<T>, at: usize) -> &'a mut T {
    while items.len() <= at {
        items.push(T::default());
    }
    &mut items[at]
}

#[profiled_stage]
fn locks(lock: &Mutex<u32>) -> MutexGuard<'_, u32> {
    let mut held = lock.lock().unwrap_or_else(PoisonError::into_inner);
    *held += 1;
    held
}

#[profiled_stage]
fn borrows_in_its_tail(cell: &RefCell<Vec<u32>>) -> usize {
    cell.borrow_mut().push(1);
    cell.borrow().len()
}

#[profiled_stage]
fn own_items(n: u32) -> u32 {
    #![allow(non_upper_case_globals, reason = "an attribute inside")]
    use std::cmp::max;
    const least: u32 = 3;
    static NAMES: [&str; 2] = ["a", "b"];
    struct Wrapped(u32);
    impl Wrapped {
        fn get(&self) -> u32 {
            max(self.0, least)
        }
    }
    macro_rules! twice {
        ($e:expr) => {
            $e + $e
        };
    }
    fn add(a: u32, b: usize) -> u32 {
        a + u32::try_from(b).unwrap_or(0)
    }
    add(twice!(Wrapped(n).get()), NAMES.len())
}

#[profiled_stage]
fn names() -> [&'static str; 2] {
    [module_path!().rsplit("::").next().unwrap_or_default(), file!().rsplit(['/', '\\']).next().unwrap_or_default()]
}

#[profiled_stage]
fn place() -> (u32, u32) {
    (line!(), column!())
}

#[profiled_stage]
fn coerces(number: bool) -> Box<dyn std::fmt::Debug> {
    if number { Box::new(1) } else { Box::new("text") }
}

#[profiled_stage]
fn coerces_functions(first: bool) -> fn(&str) -> u32 {
    match first {
        true => let_else,
        false => |text| text.len().try_into().unwrap_or(0),
    }
}

#[profiled_stage]
fn unit() {}

#[profiled_stage]
fn shadows(n: u32) -> u32 {
    let n = n + 1;
    let n = n * 2;
    n
}

#[profiled_stage]
fn infers<T: Default + Extend<u32>>(n: u32) -> T {
    let mut items = T::default();
    items.extend((0..n).rev());
    items
}

#[profiled_stage]
fn type_of_nested() -> &'static str {
    fn nested() {}
    type_name_of_val(&nested).rsplit("::").next().unwrap_or_default()
}

pub(crate) fn run() {
    once("asks", || (asks("1"), asks("x")));
    for text in ["", "1", "x"] {
        once("asks for any error", || asks_for_any_error(text).map_err(|error| error.to_string()));
    }
    once("asks an option", || (asks_an_option(&[1, 2]).copied(), asks_an_option(&[]).copied()));
    once("breaks labels", || breaks_labels(6));
    once("let else", || (let_else("1"), let_else("x")));
    once("never", || -> u32 { never("never") });
    once("never in disguise", || never_in_disguise(1));
    once("matches never", || matches_never(None));
    once("described", || described(&[1.0, 2.0], &[3.0, 4.0]));
    once("factorial", || factorial(6));
    once("longest", || longest("a", "bc"));
    let mut items = vec![1];
    *entry(&mut items, 2) = 7;
    println!("entry {items:?}");
    let lock = Mutex::new(1);
    once("locks", || *locks(&lock));
    once("borrows in its tail", || borrows_in_its_tail(&RefCell::default()));
    once("own items", || own_items(1));
    once("names", names);
    once("place", place);
    once("coerces", || (coerces(true), coerces(false)));
    once("coerces functions", || coerces_functions(false)("text"));
    once("unit", unit);
    once("shadows", || shadows(1));
    once("infers", || infers::<Vec<u32>>(3));
    once("type of nested", type_of_nested);
}
