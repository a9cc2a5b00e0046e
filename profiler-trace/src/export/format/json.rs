//! JSON for people and `grep`: indented, with each record of a long list on one line.

use std::io::{self, Write};

use serde::{Serialize, Serializer};

/// Version of the JSON reports, `major.minor`. The major number rises when a reader of the old ones would fail, the minor
/// one when there are new fields. `schemas/` has a JSON Schema for each.
pub(in crate::export) const SCHEMA_VERSION: &str = "2.0";

/// Writes `value` indented, and a line end.
///
/// There is a space after every colon: HTA finds `"rank": 3` by a regular expression that wants one.
pub(in crate::export) fn write_indented(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    out.write_all(b"\n")
}

/// A value that is written on one line.
#[derive(Clone, Debug)]
pub(in crate::export) struct Line<T>(pub(in crate::export) T);

impl<T: Serialize> Serialize for Line<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::value::to_raw_value(&self.0).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// Nanoseconds as the milliseconds of reports.
pub(in crate::export) fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn records_stand_on_one_line_each() {
        let mut out = Vec::new();
        write_indented(&mut out, &vec![Line(("a", ms(1_234_567))), Line(("b", ms(0)))]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "[\n  [\"a\",1.234567],\n  [\"b\",0.0]\n]\n");
    }
}
