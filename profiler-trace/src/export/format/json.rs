//! JSON that is readable for people and `grep`: indented, with each record of a list on one line.

use std::io::{self, Write};

use serde::{Serialize, Serializer};

/// Version of the JSON reports, `major.minor`. The major number changes when a reader of older
/// reports would fail, the minor number when fields are added. `schemas/` has a JSON Schema for
/// each report.
pub(in crate::export) const SCHEMA_VERSION: &str = "2.0";

/// Writes `value` indented, with a final line break.
///
/// A space follows every colon: HTA finds `"rank": 3` with a regular expression that requires it.
pub(in crate::export) fn write_indented(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    out.write_all(b"\n")
}

/// A value that is serialised on one line.
#[derive(Clone, Debug)]
pub(in crate::export) struct Line<T>(pub(in crate::export) T);

impl<T: Serialize> Serialize for Line<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::value::to_raw_value(&self.0).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// Creates a JSON object from names and values in order, without a named type.
///
/// `name: value` is a member, `name?: value` a member that is left out if the value is `None`, and
/// `..name: value` inserts the members of another object, or none.
macro_rules! record {
    (@ [$($member:tt)*] ..$name:ident: $value:expr, $($rest:tt)*) => {
        record!(@ [$($member)* {#[serde(flatten)] $name $value}] $($rest)*)
    };
    (@ [$($member:tt)*] $name:ident?: $value:expr, $($rest:tt)*) => {
        record!(@ [$($member)* {#[serde(flatten)] $name ($value).map(|value| record! { $name: value, })}] $($rest)*)
    };
    (@ [$($member:tt)*] $name:ident: $value:expr, $($rest:tt)*) => {
        record!(@ [$($member)* {$name $value}] $($rest)*)
    };
    (@ [$({$(#[$attribute:meta])* $name:ident $value:expr})*]) => {{
        // Each member has its own type parameter with the member's name.
        #[allow(non_camel_case_types)]
        let record = {
            #[derive(Serialize)]
            struct Record<$($name),*> {
                $($(#[$attribute])* $name: $name),*
            }
            Record { $($name: $value),* }
        };
        record
    }};
    ($($member:tt)*) => {
        record!(@ [] $($member)*)
    };
}
pub(in crate::export) use record;

/// Returns the value unless it is the default, for members that are left out if empty.
pub(in crate::export) fn unless_empty<T: Default + PartialEq>(value: T) -> Option<T> {
    (value != T::default()).then_some(value)
}

/// Converts nanoseconds to the milliseconds of reports.
pub(in crate::export) fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

/// Formats nanoseconds as milliseconds with three decimals, for tables.
pub(in crate::export) fn millis(ns: u64) -> String {
    format!("{:.3}", ms(ns))
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

    #[test]
    fn a_record_has_its_members_in_their_order() {
        let inner = Some(record! { c: "x", a: [1], });
        let whole =
            record! { z: 1, ..inner: inner, b?: unless_empty(0), y?: Some(2), none: None::<u8>, empty: record! {}, };
        let text = serde_json::to_string(&whole).unwrap();
        assert_eq!(text, r#"{"z":1,"c":"x","a":[1],"y":2,"none":null,"empty":{}}"#);
    }
}
