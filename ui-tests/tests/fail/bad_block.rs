//! Mistakes in block macros: each is one error, at its place.

use profiler_runtime::{op, stage, step};

struct Layer {
    name: String,
}

impl Layer {
    const NAME: &'static str = "layer";

    fn name(&self) -> &str {
        &self.name
    }

    fn forward(&self, n: usize, label: &str) {
        let _variable = stage!(label);
        let _reference = op!(&self.name, flops = n);
        let _method = step!(self.name(), n);
        let _format = stage!(format!("layer.{n}"), args(n = n));
        let _generic = stage!(Self::NAME);
    }
}

fn main() {
    let n = 1;
    let _missing = stage!();
    let _blank = stage!(" ");
    let _nul = op!("a\0b");
    let _slip = op!("linear", shape([1_u8; 2]), flops = 2 * n);
    let _other = stage!("vae", flops = 2);
    let _twice = step!("step", n, index = n);
    let _value = stage!("vae", value);
    let _reserved = op!("linear", args(stream = n));
    let _comma = stage!("vae" args(n = n));
    Layer { name: String::new() }.forward(1, "");
}
