//! Opaque and boxed return values other than futures.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::panic::{RefUnwindSafe, UnwindSafe};

use profiler_runtime::{profiled_op, profiled_stage};

use crate::story::{Loud, both, fail_if, once};

/// A trait with opaque return types.
trait Rows {
    fn rows(&self) -> impl Iterator<Item = u32> + Clone + '_;

    #[profiled_stage]
    fn labels(&self) -> impl Iterator<Item = String> + '_ {
        self.rows().map(|row| format!("row {row}"))
    }
}

impl Rows for Vec<u32> {
    #[profiled_stage]
    fn rows(&self) -> impl Iterator<Item = u32> + Clone + '_ {
        self.iter().copied()
    }
}

#[profiled_stage]
fn iterates(items: &[u32]) -> impl DoubleEndedIterator<Item = &u32> + ExactSizeIterator + Clone + UnwindSafe {
    items.iter()
}

#[profiled_stage]
fn counts(limit: u32) -> impl Iterator<Item = u32> {
    (0..limit).filter(|n| n % 2 == 0)
}

#[profiled_stage]
fn parses() -> impl Fn(&str) -> usize {
    |text| text.len()
}

#[profiled_stage]
fn remembers(held: Loud, other: Loud, fails: bool) -> impl FnOnce() -> usize {
    fail_if(fails);
    other.touch();
    move || held.touch()
}

#[profiled_stage]
fn nested(n: u32) -> Result<impl Display + Debug, (impl Debug, u32)> {
    if n == 0 {
        return Err(("zero", n));
    }
    Ok(n)
}

#[profiled_stage]
fn pairs() -> (impl Iterator<Item = u8>, Option<impl Send + Sync + RefUnwindSafe + Debug>) {
    ([1, 2].into_iter(), Some(3))
}

#[profiled_op("boxed", shapes(items))]
fn boxed<'a>(items: &'a [u32]) -> Box<dyn Iterator<Item = u32> + 'a> {
    Box::new(items.iter().map(|n| n * 2))
}

#[profiled_stage]
fn boxed_function(prefix: String) -> Box<dyn Fn(&str) -> String> {
    Box::new(move |text| format!("{prefix}{text}"))
}

#[profiled_stage]
fn captures_nothing<'a>(text: &'a str) -> impl Display + use<'a> {
    text.to_owned()
}

#[profiled_stage]
fn captures_precisely<T: Debug>(value: &T) -> impl Debug + use<T> {
    let _ = value;
    1
}

#[profiled_stage]
fn takes_opaque(items: impl IntoIterator<Item = impl Into<u64>>, call: impl Fn(u64) -> u64) -> u64 {
    items.into_iter().map(Into::into).map(call).sum()
}

#[profiled_stage]
fn map() -> BTreeMap<&'static str, Vec<u32>> {
    [("a", vec![1])].into()
}

const fn is_static<T: Send + Sync + 'static>(value: T) -> T {
    value
}

pub(crate) fn run() {
    once("rows", || (vec![1, 2].rows().clone().sum::<u32>(), vec![3].labels().collect::<Vec<_>>()));
    once("iterates", || iterates(&[1, 2, 3]).clone().rev().copied().collect::<Vec<_>>());
    once("counts", || counts(7).collect::<Vec<_>>());
    once("parses", || parses()("text"));
    both("remembers", |fails| remembers(Loud("held"), Loud("other"), fails)());
    once("nested", || (nested(1).map_err(|_| ()).map(|n| n.to_string()), nested(0).is_err()));
    once("pairs", || {
        let (numbers, any) = pairs();
        (numbers.collect::<Vec<_>>(), any)
    });
    once("boxed iterator", || boxed(&[1, 2]).collect::<Vec<_>>());
    once("boxed function", || boxed_function("a".to_owned())("b"));
    once("captures nothing", || captures_nothing("text").to_string());
    once("captures precisely", || is_static(captures_precisely(&String::new())));
    once("takes opaque", || takes_opaque([1_u8, 2], |n| n * 10));
    once("map", map);
}
