//! Every kind of receiver.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use profiler_runtime::{profiled_op, profiled_stage};

#[derive(Default)]
struct Model {
    weight: Vec<f32>,
    calls: u32,
}

impl Model {
    const SCALE: f32 = 2.0;

    #[profiled_stage("model.new")]
    fn new(weight: Vec<f32>) -> Self {
        Self { weight, ..Self::default() }
    }

    #[profiled_op(shapes(x, self.weight), flops = 2 * x.len())]
    fn forward(&self, x: &[f32]) -> Vec<f32> {
        x.iter().zip(&self.weight).map(|(x, w)| x * w * Self::SCALE).collect()
    }

    #[profiled_stage]
    fn count(&mut self) -> u32 {
        self.calls += 1;
        self.calls
    }

    #[profiled_stage]
    fn into_weight(self) -> Vec<f32> {
        self.weight
    }

    #[profiled_stage]
    fn taken(mut self) -> Vec<f32> {
        self.weight.clear();
        self.weight
    }

    #[profiled_stage]
    fn boxed(self: Box<Self>) -> u32 {
        self.calls
    }

    #[profiled_stage]
    fn counted(self: Rc<Self>) -> usize {
        Rc::strong_count(&self)
    }

    #[profiled_stage]
    fn shared(self: &Arc<Self>) -> usize {
        Arc::strong_count(self)
    }

    #[profiled_stage]
    fn pinned(mut self: Pin<&mut Self>) -> &mut u32 {
        self.calls += 1;
        &mut self.get_mut().calls
    }
}

fn main() {
    let mut model = Model::new(vec![1.0, 2.0]);
    assert_eq!(model.forward(&[3.0, 4.0]), [6.0, 16.0]);
    assert_eq!((model.count(), model.count()), (1, 2));
    *Pin::new(&mut model).pinned() += 10;
    assert_eq!(model.calls, 13);
    assert_eq!(model.into_weight(), [1.0, 2.0]);
    assert!(Model::new(vec![1.0]).taken().is_empty());
    assert_eq!(Box::new(Model::default()).boxed(), 0);
    assert_eq!(Rc::new(Model::default()).counted(), 1);
    assert_eq!(Arc::new(Model::default()).shared(), 1);
}
