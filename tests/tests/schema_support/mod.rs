//! The JSON schemas that the crate publishes.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// What the schema of this name says against a document: nothing, if it is as it should be.
pub(crate) fn problems(name: &str, document: &Value) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../profiler-runtime/schemas");
    let schema = serde_json::from_slice(&fs::read(folder.join(format!("{name}.schema.json"))).unwrap()).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}
