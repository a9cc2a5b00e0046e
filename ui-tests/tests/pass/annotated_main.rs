//! `main` itself can be a stage, and may return a `Result`.

#![forbid(unsafe_code)]
#![deny(warnings)]

#[profiler_runtime::profiled_stage("program")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let number: u32 = "1".parse()?;
    assert_eq!(number, 1);
    Ok(())
}
