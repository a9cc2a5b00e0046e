//! A function keeps its behavior: arguments, early `return`, `?` and its value.

#![forbid(unsafe_code)]
#![deny(warnings)]

use profiler_runtime::{profiled_op, profiled_stage, profiled_step};

#[profiled_stage]
fn nothing() {}

#[profiled_stage("vae.decode")]
fn early(n: u32) -> &'static str {
    if n == 0 {
        return "none";
    }
    for i in 0..n {
        if i == 3 {
            return "many";
        }
    }
    "some"
}

#[profiled_op(name = "parse")]
fn parse(text: &str) -> Result<i32, std::num::ParseIntError> {
    let number: i32 = text.parse()?;
    Ok(number + 1)
}

#[profiled_step()]
fn first_even(numbers: &[u32]) -> Option<u32> {
    let found = numbers.iter().find(|number| *number % 2 == 0)?;
    Some(*found)
}

#[profiled_stage("text encoder, größer „文“ 🦀")]
fn unit_with_tail(out: &mut Vec<u8>) {
    out.push(1)
}

fn main() {
    nothing();
    assert_eq!([early(0), early(2), early(9)], ["none", "some", "many"]);
    assert_eq!(parse("41"), Ok(42));
    assert!(parse("x").is_err());
    assert_eq!(first_even(&[1, 4]), Some(4));
    assert_eq!(first_even(&[1]), None);
    let mut out = Vec::new();
    unit_with_tail(&mut out);
    assert_eq!(out, [1]);
}
