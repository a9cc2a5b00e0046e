//! Arguments that are patterns.

#![forbid(unsafe_code)]
#![deny(warnings)]

use profiler_runtime::{profiled_op, profiled_stage};

struct Size {
    width: u32,
    height: u32,
}

#[profiled_op("area", flops = width * height)]
fn area(Size { width, height }: Size, _: u8, _unused: u8) -> u32 {
    width * height
}

#[profiled_stage]
fn tuple((mut a, ref b): (u32, String), [first, .., last]: [u32; 4]) -> u32 {
    a += first + last;
    a + b.len() as u32
}

#[profiled_stage]
fn counted_down(mut n: u32) -> u32 {
    let mut sum = 0;
    while n > 0 {
        sum += n;
        n -= 1;
    }
    sum
}

#[profiled_stage]
fn reference(&(a, b): &(u32, u32), &mut ref mut c: &mut u32) -> u32 {
    *c += 1;
    a + b + *c
}

#[profiled_stage]
fn partly_moved(pair: (String, String)) -> String {
    pair.0
}

#[profiled_stage]
async fn later((mut a, b): (u32, u32), _: String) -> u32 {
    a += 1;
    a * b
}

fn main() {
    assert_eq!(area(Size { width: 3, height: 4 }, 0, 0), 12);
    assert_eq!(tuple((1, "ab".to_owned()), [1, 0, 0, 5]), 9);
    assert_eq!(counted_down(4), 10);
    assert_eq!(reference(&(1, 2), &mut 3), 7);
    assert_eq!(partly_moved(("a".to_owned(), "b".to_owned())), "a");
    assert_eq!(futures::executor::block_on(later((1, 3), String::new())), 6);
}
