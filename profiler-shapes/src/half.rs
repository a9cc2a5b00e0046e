//! `Shaped` and `Element` for half's numbers.

use half::{bf16, f16};
use profiler_core::shape::{Dtype, Element, ShapeWriter, Shaped};

/// Origin of the shapes of half's numbers.
#[derive(Debug)]
pub enum Half {}

macro_rules! numbers {
    ($($type:ty => $dtype:ident),*) => {$(
        impl Element<Half> for $type {
            const DTYPE: Dtype = Dtype::$dtype;
        }

        impl Shaped<Half> for $type {
            fn write_shape(&self, out: &mut ShapeWriter) {
                out.scalar();
            }
        }
    )*};
}

numbers!(f16 => F16, bf16 => Bf16);
