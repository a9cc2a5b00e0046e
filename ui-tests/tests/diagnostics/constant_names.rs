//! Names that the compiler evaluates and that no artifact can show.

use profiler_runtime::{op, profiled_stage, stage};

const BLANK: &str = " ";
const NUMBER: u32 = 1;

#[profiled_stage(BLANK)]
fn blank() {}

fn main() {
    blank();
    let _nul = stage!(concat!("a", "\0"));
    let _number = op!(NUMBER);
    let _unknown = op!(UNKNOWN);
}
