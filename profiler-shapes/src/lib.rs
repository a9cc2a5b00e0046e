//! Implements [`Shaped`](profiler_core::shape::Shaped) for candle's tensors, half's numbers and
//! ndarray's arrays, so that `shapes(…)` can record them.
//!
//! A library that annotates functions with these types depends on this crate with the matching
//! feature, and names it once, as in `use profiler_shapes as _;`, because the compiler loads only
//! crates that are named. An application enables the same feature of `profiler-runtime` instead.
//! There must be one adapter per library: with two implementations for one type, the compiler
//! reports an ambiguity.
//!
//! | feature | default | does |
//! |---|---|---|
//! | `candle` | no | records the shapes of candle's tensors |
//! | `half` | no | records half's numbers, and lists of them |
//! | `ndarray` | no | records the shapes of ndarray's arrays |

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
