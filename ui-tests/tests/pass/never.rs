//! Functions that do not return.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};

use profiler_runtime::profiled_stage;

#[profiled_stage]
fn fails() -> ! {
    panic!("on purpose")
}

#[profiled_stage]
fn delegates(n: u32) -> ! {
    if n > 0 {
        fails();
    }
    std::process::exit(1)
}

#[profiled_stage]
async fn fails_later(n: u32) -> ! {
    if n > 0 {
        fails();
    }
    loop {
        std::future::pending::<()>().await;
    }
}

#[profiled_stage]
async fn with_semicolon() -> ! {
    fails();
}

fn main() {
    set_hook(Box::new(|_| {}));
    assert!(catch_unwind(|| fails()).is_err());
    assert!(catch_unwind(|| delegates(1)).is_err());
    let later = AssertUnwindSafe(|| futures::executor::block_on(fails_later(1)));
    assert!(catch_unwind(later).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| futures::executor::block_on(with_semicolon()))).is_err());
}
