//! Raw identifiers. The name of the site has no `r#`.

#![forbid(unsafe_code)]
#![deny(warnings)]

use profiler_runtime::site::sites;
use profiler_runtime::{profiled_op, profiled_stage};

#[profiled_stage]
fn r#match(r#type: u32) -> u32 {
    r#type + 1
}

#[profiled_op(shapes(r#in), flops = r#in)]
async fn r#loop(r#in: u32) -> u32 {
    r#in * 2
}

fn main() {
    assert_eq!(r#match(1), 2);
    assert_eq!(futures::executor::block_on(r#loop(2)), 4);
    let mut names: Vec<_> = sites().filter(|site| site.file() == file!()).map(|site| site.name()).collect();
    names.sort_unstable();
    assert_eq!(names, ["loop", "match"]);
}
