//! Measures what recording costs on this machine, when a session ends.
//!
//! Reports multiply each cost by the number of times it was paid. The measurement runs the same
//! clock reads and stores on scratch memory, so it does not appear in a recording.

use std::hint::black_box;

use crate::call::dtype::Dtype;
use crate::call::shape::Dims;
use crate::call::shape::Shaped;
use crate::call::shape_writer::{Described, ShapeWriter};
use crate::clock::{self, cheapest};
use crate::device::Device;
use crate::memory;
use crate::memory::Action;
use crate::stream::entry::{Entry, Tag};

/// Number of operations in one round of a measurement.
const TIMES: usize = 512;

/// Nanoseconds that recording costs the recording thread, per operation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Costs {
    /// A range: two clock reads and two stores.
    pub range: f64,
    /// An allocation or release.
    pub allocation: f64,
    /// One part of a call's description: an input's shape, FLOPs or an index.
    pub description: f64,
    /// A call stack; 0 if unknown.
    pub stack: f64,
    /// The link from a range to the GPU work it launches; 0 if unknown.
    pub link: f64,
}

impl Costs {
    /// Measures the costs that need no session. Takes about a tenth of a millisecond.
    pub fn measure() -> Self {
        Self {
            range: measure_range(),
            allocation: measure_allocation(),
            description: measure_description(),
            stack: 0.0,
            link: 0.0,
        }
    }
}

fn measure_range() -> f64 {
    let mut scratch = scratch();
    cheapest(TIMES, || {
        for pair in scratch.chunks_exact_mut(2) {
            pair[0] = Entry::new(Tag::Begin, 1, clock::ticks());
            pair[1] = Entry::new(Tag::End, 1, clock::ticks());
        }
        black_box(&scratch);
    })
}

fn measure_allocation() -> f64 {
    let mut scratch = scratch();
    cheapest(TIMES, || {
        for pair in scratch.chunks_exact_mut(2) {
            let block = black_box((0x1000, 64));
            pair.copy_from_slice(&memory::entries(Action::Alloc, Device::Cpu, clock::ticks(), block));
        }
        black_box(&scratch);
    })
}

/// Measures the description of a matrix.
fn measure_description() -> f64 {
    let dims = black_box([2_usize, 3]);
    let mut writer = ShapeWriter { site: 1, held: Some(Described::default()) };
    cheapest(TIMES, || {
        if let Some(held) = &mut writer.held {
            held.clear();
        }
        for _ in 0..TIMES {
            Dims(&dims, Dtype::F32).write_shape(&mut writer);
        }
        black_box(&writer);
    })
}

/// Returns memory for two entries per operation, already paged in.
fn scratch() -> Vec<Entry> {
    vec![Entry::new(Tag::End, 0, 0); 2 * TIMES]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A12: everything that is recorded has a cost, and all costs are of a plausible scale.
    #[test]
    #[cfg_attr(miri, ignore = "its times mean nothing")]
    fn everything_that_is_recorded_costs_something() {
        let Costs { range, allocation, description, stack, link } = Costs::measure();
        for cost in [range, allocation, description] {
            assert!(cost > 0.0 && cost < 100_000.0, "{cost} ns");
        }
        assert_eq!((stack, link), (0.0, 0.0), "measured where stacks and links are recorded");
    }
}
