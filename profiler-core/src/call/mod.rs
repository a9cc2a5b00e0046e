//! Descriptions of calls: shapes, FLOPs, indices and user-defined arguments, with the conversions
//! that they need.

pub(crate) mod count;
#[cfg(feature = "std")]
mod describe;
pub(crate) mod dtype;
pub(crate) mod shape;
#[cfg(feature = "std")]
pub(crate) mod shape_writer;

#[cfg(feature = "std")]
pub(crate) use describe::describe_later;
#[cfg(feature = "std")]
pub use describe::{Call, describe, describe_open};
