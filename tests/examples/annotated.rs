//! A small annotated program for external tools: steps, stages and ops on three threads, and a
//! stage that is a future.
//!
//! It starts no session. `consumers/nsys.sh` runs it under Nsight Systems and expects, on the main
//! thread, four steps that each contain a `diffuse` with two `attention`; on each of two workers,
//! one `vae.decode` with three `conv3d`; and one `text_encoder` that is polled first on the main
//! thread, then on a worker.

use std::pin::pin;
use std::thread;
use std::time::Duration;

use profiler_runtime::{profiled_op, profiled_stage, profiled_step};
use profiler_tests::tasks::{poll, second_poll};

#[profiled_op("attention")]
fn attention() {
    work();
}

#[profiled_stage("diffuse")]
fn diffuse() {
    attention();
    attention();
}

#[profiled_step("denoise_step", index = 10 * step)]
fn denoise_step(step: u64) {
    diffuse();
}

#[profiled_op("conv3d")]
fn conv3d() {
    work();
}

#[profiled_stage("vae.decode")]
fn decode() {
    (0..3).for_each(|_| conv3d());
}

#[profiled_stage("text_encoder")]
async fn encode() {
    work();
    second_poll().await;
    work();
}

fn work() {
    thread::sleep(Duration::from_millis(1));
}

fn main() {
    let mut encoder = pin!(encode());
    let mut ready = poll(encoder.as_mut()).is_ready();
    thread::scope(|scope| {
        let worker = |number| thread::Builder::new().name(format!("decoder {number}")).spawn_scoped(scope, decode);
        let workers = [worker(1), worker(2)];
        scope.spawn(|| ready = ready || poll(encoder.as_mut()).is_ready());
        (0..4).for_each(denoise_step);
        drop(workers);
    });
    assert!(ready, "the second poll ends it");
}
