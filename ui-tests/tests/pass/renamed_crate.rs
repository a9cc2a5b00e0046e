//! The runtime at another path.

#![forbid(unsafe_code)]
#![deny(warnings)]

extern crate profiler_runtime as renamed;

mod prelude {
    pub mod inner {
        #[doc(hidden)]
        pub use profiler_runtime::__private;
        pub use profiler_runtime::*;
    }
}

#[renamed::profiled_stage(crate = renamed)]
fn by_extern_crate() -> u32 {
    1
}

#[prelude::inner::profiled_op("op", flops = 1, crate = crate::prelude::inner)]
async fn by_own_module() -> u32 {
    2
}

mod elsewhere {
    #[renamed::profiled_step("step", crate = super::prelude::inner)]
    pub fn by_parent() -> impl Iterator<Item = u32> {
        [3].into_iter()
    }
}

use renamed::site::sites;

fn main() {
    assert_eq!(by_extern_crate(), 1);
    assert_eq!(futures::executor::block_on(by_own_module()), 2);
    assert!(elsewhere::by_parent().eq([3]));
    assert_eq!(sites().filter(|site| site.file() == file!()).count(), 3);
}
