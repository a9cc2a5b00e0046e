//! The `async-trait` crate, which generates a boxed future before our attribute sees the method: in
//! the trait and in the implementation.

#![forbid(unsafe_code)]
#![deny(warnings)]

use async_trait::async_trait;
use profiler_runtime::{profiled_op, profiled_stage};
use profiler_ui_tests::notebook;

#[async_trait]
trait Encoder: Sync {
    #[profiled_stage("default.encode", crate = notebook)]
    async fn encode(&self, text: &str) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
        if text.is_empty() {
            return Err("empty".into());
        }
        let number: usize = text.parse()?;
        Ok(number)
    }

    async fn length(&mut self, text: &str) -> usize;
}

struct Numbers(usize);

#[async_trait]
impl Encoder for Numbers {
    #[profiled_op("numbers.length", shapes(text, self.0), flops = text.len(), crate = notebook)]
    async fn length(&mut self, text: &str) -> usize {
        self.0 += text.len();
        let encoded = self.encode(text).await.unwrap_or(0);
        self.0 + encoded
    }
}

#[async_trait(?Send)]
trait Local {
    async fn sum(&self, pair: (u32, u32)) -> u32;
}

#[async_trait(?Send)]
impl Local for Numbers {
    #[profiled_stage]
    async fn sum(&self, (a, mut b): (u32, u32)) -> u32 {
        b += 1;
        a + b
    }
}

fn main() {
    let mut encoder: Box<dyn Encoder + Send> = Box::new(Numbers(1));
    let call = encoder.length("12");
    assert!(notebook::lines().is_empty(), "nothing begins before the first poll");
    assert_eq!(futures::executor::block_on(call), 15);
    assert_eq!(
        notebook::lines(),
        [
            "shape \"12\" of numbers.length",
            "shape 1 of numbers.length",
            "flops 2 of numbers.length",
            "first poll of Op numbers.length",
            "first poll of Stage default.encode",
            "default.encode is ready",
            "numbers.length is ready",
        ]
    );
    assert!(futures::executor::block_on(encoder.encode("")).is_err());
    assert_eq!(futures::executor::block_on(Numbers(0).sum((1, 2))), 4);
}
