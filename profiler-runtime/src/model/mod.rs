//! What happened, as plain data: built once from the raw records of a session, then read by every exporter.
//!
//! `record` (raw entries) → [`decode`] (slices, in the order in which they ended, nesting proven) → [`Trace`] (stage times, steps, requests, losses). No I/O, no clock, no features. The slices
//! themselves are never all in memory: an exporter walks a thread with [`Trace::walk`], which decodes again, because decoding is cheaper than keeping.

mod build;
pub(crate) mod context;
mod decode;
pub(crate) mod lanes;
mod losses;
mod requests;
pub(crate) mod slice;
mod stages;
mod steps;
mod time;
mod union;

pub(crate) use build::Trace;
pub(crate) use context::{Context, Recording, Window};
pub(crate) use losses::Losses;
pub(crate) use requests::Request;
pub(crate) use slice::{Slice, Tensor};
pub(crate) use stages::{StageNode, StageTree};
pub(crate) use steps::{Step, StepLoop};
pub(crate) use time::Timeline;
