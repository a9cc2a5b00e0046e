//! Mistakes in `#[profiled_all]`: each is one error, at its place.

use profiler_runtime::profiled_all;

struct UNet;

#[profiled_all(only("forwrad"), except("forward_*"))]
impl UNet {
    fn forward(&self) {}
}

#[profiled_all("unet", stge)]
trait Layer {
    fn decode(&self) {}
}

#[profiled_all(op, stage, prefix = 1, only())]
mod nn {
    pub fn attention() {}
}

#[profiled_all]
fn function() {}

impl Layer for UNet {}

struct Empty;

#[profiled_all]
impl Empty {
    const fn new() -> Self {
        Self
    }
}

fn main() {
    UNet.forward();
    nn::attention();
    function();
    UNet.decode();
    let _ = Empty::new();
}
