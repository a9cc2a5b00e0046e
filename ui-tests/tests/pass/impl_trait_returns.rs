//! `impl Trait` in the return type: alone, nested, and where it determines a closure's argument
//! types.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::fmt::Display;

use profiler_runtime::profiled_stage;

#[profiled_stage]
fn evens(numbers: &[u32]) -> impl Iterator<Item = u32> + '_ {
    numbers.iter().copied().filter(|number| number % 2 == 0)
}

#[profiled_stage]
fn length() -> impl Fn(&str) -> usize {
    |text| text.len()
}

#[profiled_stage]
fn nested(text: &str) -> Option<impl Iterator<Item = char> + use<'_>> {
    if text.is_empty() {
        return None;
    }
    Some(text.chars().rev())
}

#[profiled_stage]
fn result(fail: bool) -> Result<impl Display, Box<dyn std::error::Error>> {
    if fail {
        Err("failed")?;
    }
    Ok(1)
}

#[profiled_stage]
fn boxed() -> Box<dyn Iterator<Item = impl Display>> {
    Box::new([1, 2].into_iter())
}

#[profiled_stage]
async fn later(text: &str) -> impl Iterator<Item = char> {
    text.chars()
}

#[profiled_stage]
async fn later_nested(fail: bool) -> Result<Vec<impl Display>, Box<dyn std::error::Error>> {
    if fail {
        return Err("failed".into());
    }
    Ok(vec![1])
}

/// F9: `impl Trait` that comes from a macro.
macro_rules! iterator {
    ($item:ty) => { impl Iterator<Item = $item> };
}

macro_rules! returning {
    ($name:ident, $output:ty, $value:expr) => {
        #[profiled_stage]
        fn $name() -> $output {
            $value
        }
    };
}

#[profiled_stage]
fn of_a_macro() -> iterator!(u32) {
    [1, 2].into_iter()
}

#[profiled_stage]
async fn later_of_a_macro() -> iterator!(u32) {
    [1, 2].into_iter()
}

returning!(in_a_macro, impl Iterator<Item = u32>, [1, 2].into_iter());
returning!(future_in_a_macro, impl Future<Output = u32>, async { 1 });

fn main() {
    assert!(evens(&[1, 2, 4]).eq([2, 4]));
    assert_eq!(length()("abc"), 3);
    assert!(nested("").is_none());
    assert!(nested("ab").unwrap().eq("ba".chars()));
    assert!(result(true).is_err());
    assert_eq!(result(false).map(|one| one.to_string()).unwrap(), "1");
    assert_eq!(boxed().map(|n| n.to_string()).collect::<String>(), "12");
    futures::executor::block_on(async {
        assert_eq!(of_a_macro().count() + later_of_a_macro().await.count() + in_a_macro().count(), 6);
        assert_eq!(future_in_a_macro().await, 1);
        assert_eq!(later("ab").await.count(), 2);
        assert!(later_nested(true).await.is_err());
        assert_eq!(later_nested(false).await.unwrap().len(), 1);
    });
}
