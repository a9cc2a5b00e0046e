//! The manifest of the copy: without benchmarks, whose library takes long to build, and with
//! `recorded`.

use std::fs;
use std::path::Path;

use toml::{Table, Value};

use super::Fallible;

/// Rewrites a published crate's manifest, in which cargo has expanded all values.
pub(crate) fn rewrite(manifest: &Path, recorded: Option<&Path>) -> Fallible<()> {
    let mut table: Table = fs::read_to_string(manifest)?.parse()?;
    for section in ["bench", "example", "profile"] {
        table.remove(section);
    }
    if let Some(Value::Table(dependencies)) = table.get_mut("dev-dependencies") {
        dependencies.remove("criterion");
    }
    if let Some(recorded) = recorded {
        let path = recorded.to_str().ok_or("the path is no Unicode")?.to_owned();
        let dependency = Table::from_iter([("path".to_owned(), Value::String(path))]);
        let dependencies = table.entry("dependencies").or_insert_with(|| Value::Table(Table::new()));
        let dependencies = dependencies.as_table_mut().ok_or("`dependencies` is no table")?;
        dependencies.insert("recorded".to_owned(), Value::Table(dependency));
    }
    Ok(fs::write(manifest, table.to_string())?)
}
