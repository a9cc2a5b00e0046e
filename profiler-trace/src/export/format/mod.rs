//! Formats of values: JSON for people and `grep`, Markdown tables, UTC timestamps, XML text.
//!
//! These modules do not depend on the trace or any artifact; every other room of `export` may use
//! them.

pub(super) mod json;
pub(super) mod markdown;
pub(super) mod utc;
#[cfg(any(feature = "charts", feature = "flamegraph", feature = "xlsx"))]
pub(super) mod xml;
