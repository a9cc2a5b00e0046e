//! The attribute does not change whether a future is `Send`, or how long its borrows last.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::future::{Future, ready};
use std::sync::Arc;

use profiler_runtime::{profiled_op, profiled_stage, profiled_step};

struct Model(Vec<u32>);

impl Model {
    #[profiled_op(shapes(self.0, x), flops = 2 * x.len())]
    async fn forward(self: Arc<Self>, x: Vec<u32>) -> u32 {
        ready(()).await;
        x.iter().chain(&self.0).sum()
    }

    #[profiled_op(shapes(self.0))]
    fn opaque(&self) -> impl Future<Output = u32> + Send + '_ {
        async { self.0.iter().sum() }
    }
}

#[profiled_stage]
async fn stage(model: Arc<Model>) -> u32 {
    let sum = step(&model).await;
    sum + model.forward(vec![1]).await
}

#[profiled_step(index = model.0.len())]
async fn step(model: &Model) -> u32 {
    model.opaque().await
}

fn on_another_thread<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    std::thread::spawn(|| futures::executor::block_on(future)).join().unwrap()
}

fn main() {
    assert_eq!(on_another_thread(stage(Arc::new(Model(vec![2, 3])))), 11);
}
