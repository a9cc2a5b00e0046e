//! Descriptions of calls: shapes, FLOPs, indices, and the number and type conversions that they
//! need.

pub(crate) mod argument;
pub(crate) mod count;
#[cfg(feature = "std")]
mod describe;
pub(crate) mod dtype;
pub(crate) mod shape;
#[cfg(feature = "std")]
pub(crate) mod shape_writer;

#[cfg(feature = "std")]
pub(crate) use describe::held;
#[cfg(feature = "std")]
pub use describe::{Call, describe, describe_open};
