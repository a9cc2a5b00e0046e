//! Type parameters, const parameters, `where`, `impl` arguments, trait objects and higher-ranked
//! bounds.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::fmt::Debug;
use std::ops::Add;

use profiler_runtime::{profiled_op, profiled_stage};

#[profiled_stage("sum")]
fn sum<T, const N: usize>(items: [T; N]) -> T
where
    T: Add<Output = T> + Default + Copy,
    [T; N]: Debug,
{
    let mut total = T::default();
    for item in items {
        total = total + item;
    }
    total
}

#[profiled_stage]
fn show(item: impl Debug, more: &dyn Debug) -> String {
    format!("{item:?}{more:?}")
}

#[profiled_stage]
fn apply<F>(f: F) -> usize
where
    F: for<'a> Fn(&'a str) -> &'a str,
{
    f("abc").len()
}

struct Layer<T, const N: usize>([T; N]);

impl<T: Copy, const N: usize> Layer<T, N> {
    #[profiled_op("layer", flops = 2 * N, shapes(inputs))]
    fn forward<I>(&self, inputs: &[I]) -> Vec<(I, T)>
    where
        I: Copy + profiler_runtime::shape::Element,
    {
        inputs.iter().copied().zip(self.0).collect()
    }
}

#[profiled_stage]
fn dst<T: ?Sized + AsRef<[u8]>>(bytes: &T) -> usize {
    bytes.as_ref().len()
}

fn main() {
    assert_eq!(sum([1, 2, 3]), 6);
    assert_eq!(sum([0.5, 1.5]), 2.0);
    assert_eq!(show(1, &"a"), "1\"a\"");
    assert_eq!(apply(|text| &text[1..]), 2);
    assert_eq!(Layer([1, 2]).forward(&[0.5f32, 0.25]), [(0.5, 1), (0.25, 2)]);
    assert_eq!(dst("abc"), 3);
}
