//! How a value is written, whatever it means: JSON for people and `grep`, a Markdown table, a
//! moment in UTC, text in XML.
//!
//! Knows neither the trace nor an artifact; every other room of `export` may use it.

pub(super) mod json;
pub(super) mod markdown;
pub(super) mod utc;
#[cfg(any(feature = "charts", feature = "flamegraph", feature = "xlsx"))]
pub(super) mod xml;
