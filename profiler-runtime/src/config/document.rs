//! A parsed but unchecked text: one JSON value and its duplicate keys.
//!
//! Parsers into maps keep the last of two equal keys silently. A configuration with
//! `"max_iterations": 5 … "max_iterations": 50` is a mistake to report, so JSON and YAML are read
//! through [`insert`], which detects it. TOML itself forbids duplicate keys.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::value::Setting as _;

/// The result of parsing a text.
#[derive(Debug, Default)]
pub(crate) struct Document {
    /// Value of the text; the first of two equal keys is kept.
    pub(crate) value: Value,
    /// Keys that occur twice.
    pub(crate) duplicates: Vec<String>,
}

impl Document {
    /// Reads a value and collects every duplicate key in it.
    pub(crate) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut duplicates = Vec::new();
        let value = Node(&mut duplicates).deserialize(deserializer)?;
        Ok(Self { value, duplicates })
    }
}

/// Adds a member to a map, or its key to `duplicates` if the map has it already.
pub(crate) fn insert(members: &mut Map<String, Value>, duplicates: &mut Vec<String>, key: String, value: Value) {
    if members.contains_key(&key) {
        duplicates.push(key);
    } else {
        members.insert(key, value);
    }
}

/// Reads one value and collects the duplicate keys in it.
struct Node<'a>(&'a mut Vec<String>);

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

    /// Keeps NaN and the infinities, which TOML can express, as text.
    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(number.to_value())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Node(self.0))? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = map.next_key()? {
            let value = map.next_value_seed(Node(self.0))?;
            insert(&mut members, self.0, key, value);
        }
        Ok(Value::Object(members))
    }
}
