//! Scenarios of futures: lives and polls, lanes, and requests.

use std::path::Path;
use std::pin::pin;

use profiler_runtime::{
    current_request, op, profiled_op, profiled_stage, profiled_step, request, request_scope, stage,
};

use super::script::{everything, on_thread, pass, poll, record, wait};

#[profiled_op("matmul", shapes(x), flops = x.len())]
async fn matmul(x: &[f32]) {
    pass(8);
    wait().await;
    pass(4);
}

#[profiled_stage("fetch")]
async fn fetch() {
    pass(2);
    wait().await;
    matmul(&[1.0; 3]).await;
    wait().await;
    pass(3);
}

#[profiled_step("task_step", index = step)]
async fn task_step(step: u64) {
    wait().await;
    pass(5 + step);
}

#[profiled_stage("boxed")]
fn boxed() -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async {
        let _held = stage!("before the wait");
        drop(_held);
        wait().await;
    })
}

/// Holds a guard while its future waits.
#[profiled_stage("prefetch")]
async fn prefetch() {
    let _held = stage!("held over an await");
    pass(1);
    wait().await;
    pass(1);
}

pub(crate) fn tasks(folder: &Path, is_spooled: bool) {
    record(everything(folder).spool(is_spooled), || {
        let mut alone = pin!(prefetch());
        while !poll(alone.as_mut()) {
            pass(10);
        }
        // Concurrent futures, polled on two threads; one is dropped before its end.
        let (mut first, mut second) = (pin!(fetch()), pin!(fetch()));
        let mut dropped = Box::pin(fetch());
        for _ in 0..2 {
            poll(first.as_mut());
            pass(6);
            poll(second.as_mut());
            poll(dropped.as_mut());
        }
        drop(dropped);
        on_thread(Some("worker"), || while !poll(first.as_mut()) {});
        while !poll(second.as_mut()) {}
        let _around = stage!("around");
        for step in 0..2 {
            let mut step = pin!(task_step(step));
            while !poll(step.as_mut()) {}
        }
        let mut boxed = boxed();
        while !poll(boxed.as_mut()) {
            pass(1);
        }
    });
}

#[profiled_stage("encode")]
fn encode() {
    pass(12);
}

#[profiled_stage("decode")]
async fn decode() {
    encode();
    wait().await;
    drop(op!("conv3d"));
    pass(5);
}

pub(crate) fn requests(folder: &Path) {
    record(everything(folder), || {
        {
            let _request = request("request \"7\"");
            encode();
        }
        let (mut one, mut two) =
            (pin!(request_scope("one", decode())), pin!(request_scope("two".to_owned(), decode())));
        poll(one.as_mut());
        poll(two.as_mut());
        on_thread(Some("worker"), || while !poll(one.as_mut()) {});
        while !poll(two.as_mut()) {}
        let mut cancelled = Box::pin(request_scope("cancelled", decode()));
        poll(cancelled.as_mut());
        drop(cancelled);
        let _guard = request("with work elsewhere");
        let here = current_request();
        on_thread(Some("blocking"), move || here.run(encode));
        encode();
        drop(request(&"r".repeat(300)));
    });
}

/// Records what a tool is shown, without a session and during one.
pub(crate) fn nvtx(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    encode();
    record(everything(folder), || {
        let mut task = pin!(request_scope("one", decode()));
        poll(task.as_mut());
        on_thread(Some("worker"), || while !poll(task.as_mut()) {});
        let mut step = pin!(task_step(7));
        while !poll(step.as_mut()) {}
        let outer = stage("named at run time");
        let inner = op!("inner");
        drop(outer);
        drop(inner);
    });
}
