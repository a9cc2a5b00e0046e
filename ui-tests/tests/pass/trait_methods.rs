//! Trait methods with a body: synchronous ones, `async` ones, and those that return `impl Future`.

#![forbid(unsafe_code)]
#![deny(warnings)]
#![allow(async_fn_in_trait)]

use std::future::Future;

use profiler_runtime::{profiled_op, profiled_stage, profiled_step};

trait Scheduler {
    type Sample: Copy + profiler_runtime::shape::Shaped;
    const STEPS: usize;

    fn scale(&self, sample: Self::Sample) -> Self::Sample;

    #[profiled_op("scheduler.step", shapes(sample), flops = Self::STEPS)]
    fn step(&self, sample: Self::Sample) -> Self::Sample {
        self.scale(sample)
    }

    #[profiled_stage]
    async fn run(&self, sample: Self::Sample) -> Self::Sample {
        let mut sample = sample;
        for _ in 0..Self::STEPS {
            sample = self.step(sample);
        }
        sample
    }

    #[profiled_stage]
    fn opaque(&self, sample: Self::Sample) -> impl Future<Output = Self::Sample> + Send
    where
        Self: Sync,
        Self::Sample: Send,
    {
        async move { self.scale(sample) }
    }

    #[profiled_stage]
    fn names() -> Vec<&'static str>
    where
        Self: Sized,
    {
        vec!["scheduler"]
    }
}

struct Doubling;

impl Scheduler for Doubling {
    type Sample = u32;
    const STEPS: usize = 3;

    #[profiled_step(index = sample)]
    fn scale(&self, sample: u32) -> u32 {
        sample * 2
    }
}

struct Tripling;

impl Scheduler for Tripling {
    type Sample = u64;
    const STEPS: usize = 2;

    fn scale(&self, sample: u64) -> u64 {
        sample * 3
    }

    #[profiled_stage("tripling.run")]
    async fn run(&self, sample: u64) -> u64 {
        self.opaque(self.scale(sample)).await
    }

    #[profiled_stage("tripling.opaque")]
    fn opaque(&self, sample: u64) -> impl Future<Output = u64> + Send {
        std::future::ready(self.scale(sample))
    }
}

fn main() {
    assert_eq!(futures::executor::block_on(Doubling.run(1)), 8);
    assert_eq!(futures::executor::block_on(Doubling.opaque(1)), 2);
    assert_eq!(futures::executor::block_on(Tripling.run(1)), 9);
    assert_eq!(Doubling::names(), ["scheduler"]);
}
