//! A program can list its sites before any of them runs: name, kind, file, line, module.

#![forbid(unsafe_code)]
#![deny(warnings)]

use profiler_runtime::site::{Kind, sites};
use profiler_runtime::{profiled_op, profiled_stage, profiled_step};

mod vae {
    #[profiler_runtime::profiled_stage("vae.decode")]
    pub fn decode() {}
}

struct Generic<T>(T);

impl<T> Generic<T> {
    #[profiled_op]
    #[allow(dead_code)]
    fn never_called(&self) -> &T {
        &self.0
    }
}

#[profiled_stage]
#[allow(dead_code)]
async fn text_encoder() {}

#[profiled_step("denoise_step")]
#[allow(dead_code)]
fn step() -> impl Iterator<Item = u32> {
    [1].into_iter()
}

fn main() {
    vae::decode();
    assert_eq!(Generic(1).0, 1);
    let here = sites().filter(|site| site.file() == file!());
    let mut found: Vec<_> = here.map(|site| (site.name(), site.kind())).collect();
    found.sort_unstable();
    let expected = [
        ("denoise_step", Kind::Step),
        ("never_called", Kind::Op),
        ("text_encoder", Kind::Stage),
        ("vae.decode", Kind::Stage),
    ];
    assert_eq!(found, expected);

    let decode = sites().find(|site| site.name() == "vae.decode").unwrap();
    assert!(decode.file().ends_with("sites_are_listed.rs"));
    assert_eq!(decode.line(), 10);
    assert!(decode.module().ends_with("::vae"));
}
