//! `step` opens a range, and needs its name: the end of an iteration is `next_step()`.

fn main() {
    for _ in 0..3 {
        profiler_runtime::step();
    }
}
