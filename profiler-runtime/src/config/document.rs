//! A text after parsing and before checking: one JSON value, and what its format would otherwise hide.
//!
//! Parsers into maps keep the last of two equal keys and say nothing. A configuration with
//! `"max_iterations": 5 … "max_iterations": 50` is a mistake to report, so JSON and YAML are read through
//! [`Document::insert`], which notices. TOML forbids duplicate keys by itself.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::error::Problem;

/// What was read from a text.
#[derive(Debug, Default)]
pub(crate) struct Document {
    /// The text as one value; of two equal keys, the first.
    pub(crate) value: Value,
    /// Keys that stand twice.
    pub(crate) duplicates: Vec<Problem>,
}

impl Document {
    /// Reads a whole value, with every duplicate key in it.
    pub(crate) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut duplicates = Vec::new();
        let value = Node { path: String::new(), duplicates: &mut duplicates }.deserialize(deserializer)?;
        Ok(Self { value, duplicates })
    }

    /// Adds a member to `map`, or a problem to `duplicates` if it is there already.
    pub(crate) fn insert(
        map: &mut Map<String, Value>,
        duplicates: &mut Vec<Problem>,
        path: &str,
        key: String,
        value: Value,
    ) {
        if map.contains_key(&key) {
            duplicates.push(Problem::new(path, "given twice").suggest("keep one of the two"));
        } else {
            map.insert(key, value);
        }
    }

    /// The path of member `key` inside `parent`.
    pub(crate) fn member(parent: &str, key: &str) -> String {
        if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") }
    }
}

/// Reads one value and notes duplicate keys below it.
struct Node<'a> {
    path: String,
    duplicates: &'a mut Vec<Problem>,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<Value, E> {
        Ok(Value::Bool(on))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    /// NaN and the infinities, which TOML can spell, stay visible as text.
    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(super::value::Setting::to_value(&number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq
            .next_element_seed(Node { path: format!("{}[{}]", self.path, items.len()), duplicates: self.duplicates })?
        {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let path = Document::member(&self.path, &key);
            let value = map.next_value_seed(Node { path: path.clone(), duplicates: self.duplicates })?;
            Document::insert(&mut members, self.duplicates, &path, key, value);
        }
        Ok(Value::Object(members))
    }
}
