//! `#[profiled_all]` on an implementation, a trait and a module.

#![forbid(unsafe_code)]
#![deny(warnings)]

use profiler_runtime::{profiled_all, profiled_stage};

struct UNet<T>(T);

#[profiled_all(prefix = "unet", except("value"))]
impl<T: Copy + Into<f32>> UNet<T> {
    const SCALE: f32 = 2.0;

    const fn new(value: T) -> Self {
        Self(value)
    }

    fn value(&self) -> f32 {
        self.0.into()
    }

    fn forward(&self) -> f32 {
        self.value() * Self::SCALE
    }

    async fn load(self) -> T {
        self.0
    }

    #[profiled_stage("own.name")]
    fn named(&self) -> impl Iterator<Item = f32> {
        std::iter::once(self.forward())
    }
}

#[profiled_all(stage)]
trait Layer {
    fn weight(&self) -> f32;

    fn decode(&self) -> f32 {
        self.weight()
    }
}

impl Layer for UNet<f32> {
    fn weight(&self) -> f32 {
        self.0
    }
}

#[profiled_all]
#[async_trait::async_trait]
impl Source for UNet<f32> {
    async fn fetch(&self) -> f32 {
        self.0
    }
}

#[async_trait::async_trait]
trait Source {
    async fn fetch(&self) -> f32;
}

#[profiled_all(nested, only("*_inside", "deep"))]
mod nn {
    pub fn first_inside() -> u32 {
        other() + inner::deep()
    }

    fn other() -> u32 {
        1
    }

    mod inner {
        pub fn deep() -> u32 {
            1
        }
    }
}

fn main() {
    let unet = UNet::new(1.0_f32);
    assert_eq!((unet.named().sum::<f32>(), unet.decode(), nn::first_inside()), (2.0, 1.0, 2));
    assert_eq!(futures::executor::block_on(unet.fetch()), 1.0);
    assert_eq!(futures::executor::block_on(unet.load()), 1.0);
    let mut names: Vec<_> = profiler_runtime::site::sites().map(|site| site.name()).collect();
    names.sort_unstable();
    names.dedup();
    let expected =
        ["Layer.decode", "UNet.fetch", "nn.first_inside", "nn.inner.deep", "own.name", "unet.forward", "unet.load"];
    assert_eq!(names, expected);
}
