//! Converts each field type to and from `serde_json::Value`.
//!
//! The table stores and reads fields through [`Setting`], so that values of every source (text,
//! flag, builder) are checked in one common form. Types whose values are a few words are in
//! `choice`.

use std::path::PathBuf;

use serde_json::Value;

use super::kind::Kind;

/// A type of fields.
pub(crate) trait Setting: Sized {
    /// Kind of its values, unless the field's row narrows it.
    const KIND: Kind;
    /// Converts the value to the form that a document has.
    fn to_value(&self) -> Value;
    /// Converts the value back; `None` if it has another type.
    fn from_value(value: &Value) -> Option<Self>;
    /// Returns the path, if the value is one.
    fn path(&mut self) -> Option<&mut PathBuf> {
        None
    }
}

/// Implements [`Setting`] for types that JSON has too.
macro_rules! as_in_documents {
    ($($type:ident: $kind:expr, $read:ident;)+) => {$(
        impl Setting for $type {
            const KIND: Kind = $kind;

            fn to_value(&self) -> Value {
                Value::from(self.clone())
            }

            fn from_value(value: &Value) -> Option<Self> {
                value.$read().map(Self::from)
            }
        }
    )+};
}

as_in_documents! {
    bool: Kind::Flag, as_bool;
    u64: Kind::Whole { min: 0, max: u64::MAX }, as_u64;
    String: Kind::Text, as_str;
}

impl Setting for f64 {
    const KIND: Kind = Kind::Seconds;

    /// Converts the number; NaN and the infinities become text, because JSON has no number for them
    /// and `null` would pass the check.
    fn to_value(&self) -> Value {
        serde_json::Number::from_f64(*self).map_or_else(|| Value::String(self.to_string()), Value::Number)
    }

    fn from_value(value: &Value) -> Option<Self> {
        value.as_f64()
    }
}

impl Setting for Option<String> {
    const KIND: Kind = Kind::Text;

    fn to_value(&self) -> Value {
        self.as_deref().map_or(Value::Null, Value::from)
    }

    /// Reads a text; an empty one means "not set", as in vLLM, whose default folder is `""`.
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            Value::String(text) => Some((!text.is_empty()).then(|| text.clone())),
            _ => None,
        }
    }
}

impl Setting for Option<PathBuf> {
    const KIND: Kind = Kind::Path;

    /// Converts the path, lossily if it is not UTF-8: this form is only for messages and manifests.
    fn to_value(&self) -> Value {
        self.as_deref().map_or(Value::Null, |path| Value::from(path.to_string_lossy()))
    }

    fn from_value(value: &Value) -> Option<Self> {
        Some(Option::<String>::from_value(value)?.map(PathBuf::from))
    }

    fn path(&mut self) -> Option<&mut PathBuf> {
        self.as_mut()
    }
}

impl Setting for Vec<String> {
    const KIND: Kind = Kind::Texts;

    fn to_value(&self) -> Value {
        Value::from(self.as_slice())
    }

    fn from_value(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
    }
}
