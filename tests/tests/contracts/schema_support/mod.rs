//! The JSON schemas that the crate publishes.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

/// Returns the errors of a document against the schema of this name.
pub(crate) fn problems(name: &str, document: &Value) -> Vec<String> {
    errors(&schema(name), document)
}

/// Returns the fields of a document that the schema of this name does not describe. The schema
/// allows them, for minor versions.
pub(crate) fn undescribed(name: &str, document: &Value) -> Vec<String> {
    let mut schema = schema(name);
    close(&mut schema);
    errors(&schema, document)
}

fn schema(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../profiler-runtime/schemas");
    serde_json::from_slice(&fs::read(folder.join(format!("{name}.schema.json"))).unwrap()).unwrap()
}

fn errors(schema: &Value, document: &Value) -> Vec<String> {
    let validator = jsonschema::draft202012::new(schema).unwrap();
    validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Makes a schema refuse fields that it does not describe.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.contains_key("properties") && fields.get("type") == Some(&json!("object")) {
                fields.entry("additionalProperties").or_insert(json!(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
