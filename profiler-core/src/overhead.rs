//! What recording itself costs, measured on this machine when a session ends.
//!
//! The reports multiply each cost by how often it was paid. Measured on scratch memory with the same clock and the same
//! stores; nothing of it appears in a recording.

use std::hint::black_box;

use crate::Dims;
use crate::call::dtype::Dtype;
use crate::call::shape::Shaped;
use crate::call::shape_writer::{Described, ShapeWriter};
use crate::clock::{self, cheapest};
use crate::device::Device;
use crate::memory;
use crate::memory::Action;
use crate::stream::entry::{Entry, Tag};

/// Times that each is paid in a round.
const TIMES: usize = 512;

/// Nanoseconds that recording costs its thread.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Costs {
    /// A range: two clock reads and two stores.
    pub range: f64,
    /// An allocation or release.
    pub allocation: f64,
    /// Something that a call says about itself: the shape of an input, FLOPs, an index.
    pub description: f64,
    /// A call stack; 0 if that is not known.
    pub stack: f64,
    /// The tie of a range to the GPU work that it launches; 0 if that is not known.
    pub link: f64,
}

impl Costs {
    /// Measures what can be measured without a session, in about a tenth of a millisecond.
    pub fn measure() -> Self {
        Self { range: of_range(), allocation: of_allocation(), description: of_description(), stack: 0.0, link: 0.0 }
    }
}

fn of_range() -> f64 {
    let mut scratch = scratch();
    cheapest(TIMES, || {
        for pair in scratch.chunks_exact_mut(2) {
            pair[0] = Entry::new(Tag::Begin, 1, clock::ticks());
            pair[1] = Entry::new(Tag::End, 1, clock::ticks());
        }
        black_box(&scratch);
    })
}

fn of_allocation() -> f64 {
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
fn of_description() -> f64 {
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

/// Returns room for two entries each time, touched before.
fn scratch() -> Vec<Entry> {
    vec![Entry::new(Tag::End, 0, 0); 2 * TIMES]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A12: what is recorded has a cost, and none of it is a figure of another scale.
    #[test]
    #[cfg_attr(miri, ignore = "its times mean nothing")]
    fn everything_that_is_recorded_costs_something() {
        let Costs { range, allocation, description, stack, link } = Costs::measure();
        for cost in [range, allocation, description] {
            assert!(cost > 0.0 && cost < 100_000.0, "{cost} ns");
        }
        assert_eq!((stack, link), (0.0, 0.0), "measured by whoever takes them");
    }
}
