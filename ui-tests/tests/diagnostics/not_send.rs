//! A future that is not `Send` without the attribute is not `Send` with it.

use std::rc::Rc;

use profiler_runtime::profiled_stage;

#[profiled_stage]
async fn shared(count: Rc<u32>) -> u32 {
    std::future::ready(()).await;
    *count
}

fn is_send(_: impl Send) {}

fn main() {
    is_send(shared(Rc::new(1)));
}
