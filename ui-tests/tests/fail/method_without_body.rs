//! A trait's method without a body.

use profiler_runtime::profiled_stage;

trait Decoder {
    #[profiled_stage("decode")]
    fn decode(&self, latents: &[f32]) -> Vec<u8>;
}

struct Vae;

impl Decoder for Vae {
    fn decode(&self, _latents: &[f32]) -> Vec<u8> {
        Vec::new()
    }
}

fn main() {
    Vae.decode(&[]);
}
