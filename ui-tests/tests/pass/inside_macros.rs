//! Functions that a macro generates, with each kind of fragment, and names that a macro passes.

#![forbid(unsafe_code)]
#![deny(warnings)]

use profiler_runtime::site::sites;
use profiler_runtime::{profiled_op, profiled_stage};

macro_rules! whole {
    ($item:item) => {
        #[profiled_stage]
        $item
    };
}

macro_rules! parts {
    ($vis:vis $name:ident, $argument:ident: $ty:ty, $output:ty, $body:block, $literal:literal, $flops:expr) => {
        #[profiled_op($literal, shapes($argument), flops = $flops)]
        $vis fn $name($argument: $ty) -> $output $body
    };
}

macro_rules! method {
    ($name:ident, $title:expr, |$this:ident| $value:expr) => {
        #[profiled_stage($title)]
        fn $name(&self) -> u32 {
            let $this = self;
            $value
        }
    };
}

macro_rules! future {
    ($name:ident, $ty:ty) => {
        #[profiled_stage]
        async fn $name(n: u32) -> $ty {
            Box::new(n)
        }
    };
}

whole! {
    pub fn from_item(n: u32) -> u32 {
        n + 1
    }
}

whole! {
    async fn from_async_item() -> u32 {
        2
    }
}

parts!(pub(crate) from_parts, n: u32, Result<u32, String>, { if n == 0 { return Err("zero".to_owned()); } Ok(n) }, "parts", 2 * n);

struct Model(u32);

impl Model {
    method!(get, "model.get", |this| this.0);
}

future!(coerced, Box<dyn std::fmt::Display>);

fn main() {
    assert_eq!(from_item(1), 2);
    assert_eq!(futures::executor::block_on(from_async_item()), 2);
    assert_eq!(from_parts(3), Ok(3));
    assert!(from_parts(0).is_err());
    assert_eq!(Model(4).get(), 4);
    assert_eq!(futures::executor::block_on(coerced(5)).to_string(), "5");
    let mut names: Vec<_> = sites().filter(|site| site.file() == file!()).map(|site| site.name()).collect();
    names.sort_unstable();
    assert_eq!(names, ["coerced", "from_async_item", "from_item", "model.get", "parts"]);
}
