//! A struct, whose other attributes still work.

use profiler_runtime::profiled_stage;

#[profiled_stage("vae")]
#[derive(Debug, Default)]
struct Vae {
    scale: f32,
}

fn main() {
    println!("{:?} {}", Vae::default(), Vae::default().scale);
}
