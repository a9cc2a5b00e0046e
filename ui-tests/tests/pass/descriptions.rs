//! Descriptions of ops and steps. Nothing is computed for a description that is not recorded.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::cell::Cell;

use futures::executor::block_on;
use profiler_runtime::{profiled_op, profiled_stage, profiled_step};
use profiler_ui_tests::notebook;

thread_local! {
    static COMPUTED: Cell<u32> = const { Cell::new(0) };
}

fn costly(n: usize) -> usize {
    COMPUTED.set(COMPUTED.get() + 1);
    n
}

struct Linear {
    weight: Vec<u8>,
}

impl Linear {
    #[profiled_op("linear", shapes(x, self.weight, x.len() + 1), flops = costly(2 * x.len()), crate = notebook)]
    fn forward(&self, x: Vec<u8>) -> usize {
        drop(x);
        self.weight.len()
    }

    #[profiled_op("later", shapes(x, &self.weight), flops = { let n = x.len() as f64; n * 0.5 }, crate = notebook)]
    async fn later(&self, x: Vec<u8>) -> usize {
        drop(x);
        self.weight.len()
    }
}

#[profiled_step("denoise_step", index = step, crate = notebook)]
fn denoise(step: usize, latents: &mut u32) {
    *latents += 1;
}

#[profiled_op("generic", flops = size_of::<(T, [u8; 2])>(), shapes([1, 2], ("a", 1).0), crate = notebook)]
fn generic<T>(_item: T) {}

#[profiled_stage("guarded")]
#[profiled_op("guarded", shapes(x), crate = notebook)]
fn guarded(x: &[u8]) -> impl Iterator<Item = &u8> {
    x.iter()
}

#[profiled_stage("prefill", args(tokens = costly(n), r#type = -1, layers = n as u8 + 1), crate = notebook)]
fn prefill(n: usize) {}

#[profiled_stage("fetch", args(blocks = costly(n)), crate = notebook)]
async fn fetch(n: usize) {}

fn main() {
    let linear = Linear { weight: vec![1] };
    assert_eq!(linear.forward(vec![2, 3]), 1);
    let told = ["shape [2, 3] of linear", "shape [1] of linear", "shape 3 of linear", "flops 4 of linear"];
    assert_eq!(notebook::lines(), [&told[..], &["begin Op linear", "end linear"]].concat());
    assert_eq!(COMPUTED.get(), 1);

    let future = linear.later(vec![2]);
    assert!(notebook::lines().is_empty());
    block_on(future);
    let told = ["shape [2] of later", "shape [1] of later", "flops 0.5 of later"];
    assert_eq!(notebook::lines(), [&told[..], &["first poll of Op later", "later is ready"]].concat());

    let mut latents = 0;
    denoise(7, &mut latents);
    assert_eq!(notebook::lines(), ["index 7 of denoise_step", "begin Step denoise_step", "end denoise_step"]);

    generic(0_u16);
    assert_eq!(notebook::lines()[..3], ["shape [1, 2] of generic", "shape \"a\" of generic", "flops 4 of generic"]);

    assert_eq!(guarded(&[1]).count(), 1);
    assert_eq!(notebook::lines(), ["shape [1] of guarded", "begin Op guarded", "end guarded"]);

    prefill(5);
    let told = ["tokens 5 of prefill", "type -1 of prefill", "layers 6 of prefill"];
    assert_eq!(notebook::lines(), [&told[..], &["begin Stage prefill", "end prefill"]].concat());
    block_on(fetch(6));
    assert_eq!(notebook::lines(), ["blocks 6 of fetch", "first poll of Stage fetch", "fetch is ready"]);
    assert_eq!(COMPUTED.get(), 3, "each once");

    notebook::want_details(false);
    prefill(5);
    assert_eq!(notebook::lines(), ["begin Stage prefill", "end prefill"]);
    linear.forward(vec![]);
    assert_eq!(notebook::lines(), ["begin Op linear", "end linear"]);
    assert_eq!(COMPUTED.get(), 3, "FLOPs that nobody wants are not computed");
}
