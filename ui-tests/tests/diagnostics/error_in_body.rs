//! The errors in a body are those that it has without the attribute, at the same positions.

use profiler_runtime::profiled_stage;

#[profiled_stage]
fn unknown_name() -> u32 {
    missing + 1
}

#[profiled_stage]
fn unknown_method(text: String) {
    text.missing();
}

#[profiled_stage]
fn moved(text: String) -> (String, String) {
    (text, text)
}

#[profiled_stage]
fn not_mutable(items: Vec<u32>) {
    items.push(1);
}

#[profiled_stage]
async fn later(text: &str) -> u32 {
    text.missing().await
}

#[profiled_stage]
fn dangling() -> &'static str {
    let text = String::new();
    &text
}

#[profiled_stage]
fn unknown_type() -> Missing {
    loop {}
}

fn main() {}
