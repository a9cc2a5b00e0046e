//! Shapes of other crates' tensors: what `shapes(…)` records of candle's tensors, half's numbers
//! and ndarray's arrays.
//!
//! A library that annotates functions of such tensors depends on this crate with the feature of its
//! tensors, and names it once, `use profiler_shapes as _;`, because the compiler looks into crates
//! that are named. An application switches the same feature of `profiler-runtime` on. There is one
//! adapter for each library: two that implement [`Shaped`](profiler_core::Shaped) for one type
//! leave the compiler to choose, which it does not.
//!
//! | feature | default | does |
//! |---|---|---|
//! | `candle` | no | shapes of candle's tensors |
//! | `half` | no | shapes of half's numbers |
//! | `ndarray` | no | shapes of ndarray's arrays |

#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "candle")]
mod candle;
#[cfg(feature = "half")]
mod half;
#[cfg(feature = "ndarray")]
mod ndarray;

#[cfg(feature = "candle")]
pub use crate::candle::Candle;
#[cfg(feature = "half")]
pub use crate::half::Half;
#[cfg(feature = "ndarray")]
pub use crate::ndarray::Array;
