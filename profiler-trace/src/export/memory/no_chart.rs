//! The place of `chart` where its feature is off.

use std::io::{self, Write};

use crate::model::Trace;

/// Why there is no chart.
pub(in crate::export) const OFF: Option<&str> =
    Some("the crate feature `charts` is off: switch it on, or open the memory snapshot in MemoryViz");

/// Never called: [`OFF`] says why.
pub(in crate::export) fn write(_trace: &Trace, _out: &mut dyn Write) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
